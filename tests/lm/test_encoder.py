from __future__ import annotations

import pytest
import torch

from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.model_files import encoder_weights, make_encoder


@pytest.mark.parametrize("softmax", ["separate", "shared", "tied", "none"])
def test_encodes_alike_and_predicts_nothing(softmax: str) -> None:
    model = BiXLSTM(
        BiXLSTMConfig(vocab_size=20, embedding_dim=16, num_blocks=1, num_heads=2, dropout=0.2, softmax=softmax)
    ).eval()
    encoder = make_encoder(model, encoder_weights(model), dropout=0.0)
    assert encoder.config.softmax == "none" and encoder.config.dropout == 0 and model.config.dropout == 0.2
    assert encoder.state_dict().keys() == encoder_weights(model).keys()
    input_ids = torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    encoder.train()  # no dropout is left
    for one, other in zip(
        model.encode_layers(input_ids, mask).layers(), encoder.encode_layers(input_ids, mask).layers(), strict=True
    ):
        assert torch.equal(one, other)
