from __future__ import annotations

from pathlib import Path

import pytest
import torch

from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.model_files import encoder_weights, make_encoder, save_model
from elmo_xlstm.text.tokenizer import Tokenizer


@pytest.fixture
def model(tokenizer: Tokenizer) -> BiXLSTM:
    return BiXLSTM(BiXLSTMConfig(vocab_size=tokenizer.vocab_size, embedding_dim=8, num_blocks=1, num_heads=2))


def test_model_and_tokenizer_come_back(model: BiXLSTM, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_model(model, tokenizer, tmp_path / "model")
    loaded = BiXLSTM.from_pretrained(tmp_path / "model")
    assert torch.equal(loaded.forward_softmax, model.forward_softmax)
    assert Tokenizer.load(tmp_path / "model").fingerprint == tokenizer.fingerprint


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
