from __future__ import annotations

import numpy as np
import pytest
import torch

from elmo_xlstm.modules import CRF, TagScheme
from elmo_xlstm.runtime.crf import TagChain, TagProbabilities

LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


@pytest.fixture
def crf() -> CRF:
    crf = CRF(TagScheme(LABELS, "bio"))
    generator = torch.Generator().manual_seed(4)
    for parameter in crf.parameters():
        parameter.data.normal_(generator=generator)
    return crf


@pytest.mark.parametrize("length", [1, 2, 9])
def test_paths_and_probabilities_are_those_of_torch(crf, length) -> None:
    chain = TagChain(*(tensor.detach().double().numpy() for tensor in crf.scores()))
    logits = 2 * torch.randn(
        4, length, len(LABELS), generator=torch.Generator().manual_seed(length), dtype=torch.float64
    )
    mask = torch.ones(4, length, dtype=torch.bool)
    expected = crf.probabilities(logits, mask)
    for row, path in enumerate(crf.decode(logits, mask)):
        assert chain.best(logits[row].numpy()) == path
        found = chain.probabilities(logits[row].numpy())
        np.testing.assert_allclose(found.words, expected.words[row], atol=1e-9)
        for first in range(length):
            for stop in range(first + 1, length + 1):
                for but in (None, 2):
                    assert found.of_run(first, path[first:stop], but) == pytest.approx(
                        expected.of_run(row, first, path[first:stop], but), abs=1e-9
                    )


def test_independent_tags() -> None:
    scores = np.array([[1.0, 2.0], [800.0, -800.0]])
    found = TagProbabilities.independent(scores)
    np.testing.assert_allclose(found.words.sum(axis=1), 1)
    assert found.of_run(0, [1, 0]) == pytest.approx(found.words[0, 1]) and found.of_run(0, [1], 0) == pytest.approx(0)
