from __future__ import annotations

import pytest
import torch

from elmo_xlstm.config import validate
from elmo_xlstm.modules import FeatureInputs, TextEncoder, WordCollator

PARTS = [
    ({"encoder": None}, 8),
    ({"encoder": None, "projection": 5}, 5),
    ({"encoder": {"hidden_size": 3}}, 6),
    ({"encoder": {"hidden_size": 3}, "projection": 5}, 6),
]


def build(layers_shape, parts) -> TextEncoder:
    config = validate(TextEncoder.Config, {"mix": {}, **parts})
    torch.manual_seed(0)
    return TextEncoder(config, FeatureInputs(layers_shape))


@pytest.mark.parametrize(("parts", "dim"), PARTS)
def test_a_text_does_not_depend_on_its_batch(parts, dim, make_texts, layers_shape) -> None:
    encoder = build(layers_shape, parts).eval()
    texts, collate = [example.texts[0] for example in make_texts(4, seed=1)], WordCollator(None)
    together = encoder(collate(texts))
    assert together.shape[-1] == encoder.output_dim == dim
    for row, text in enumerate(texts):
        torch.testing.assert_close(encoder(collate([text]))[0], together[row, : len(text.words)])


def test_only_the_bilstm_knows_a_words_neighbours(make_texts, layers_shape) -> None:
    texts = [example.texts[0] for example in make_texts(1, seed=2)]
    batch = WordCollator(None)(texts)
    for parts, dim in PARTS:
        encoder = build(layers_shape, parts).eval()
        before = encoder(batch)
        changed = batch.layers.clone()
        changed[:, -1] += 1
        after = encoder(type(batch)(batch.mask, layers=changed))
        assert torch.equal(before[:, 0], after[:, 0]) == (parts["encoder"] is None), (parts, dim)


def test_projection_is_rectified(make_texts, layers_shape) -> None:
    batch = WordCollator(None)([example.texts[0] for example in make_texts(3, seed=3)])
    output = build(layers_shape, PARTS[1][0]).eval()(batch)
    assert (output >= 0).all() and (output > 0).any()
