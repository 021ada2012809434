from __future__ import annotations

import itertools

import pytest
import torch

from elmo_xlstm.modules import CRF, TagScheme
from elmo_xlstm.runtime.spans import find_spans
from elmo_xlstm.tasks.predictor import Prediction
from elmo_xlstm.tasks.tag_scores import locate_spans, predict_tags

SCHEMES = {
    "bio": ["O", "B-X", "I-X", "B-Y"],
    "bioes": ["O", "B-X", "I-X", "E-X", "S-X"],
    "none": ["NN", "VB"],
}


class Emissions(torch.nn.Module):
    """A head whose emission scores are given."""

    def __init__(self, name: str) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.scheme = TagScheme(SCHEMES[name], name)
        self.crf = CRF(self.scheme)
        torch.nn.init.normal_(self.crf.transitions)
        self.best, self.probabilities = self.crf.decode, self.crf.probabilities


@pytest.mark.parametrize("name", SCHEMES)
def test_a_span_is_as_probable_as_all_tag_sequences_in_which_it_is_a_span(name: str) -> None:
    head = Emissions(name)
    lengths = [4, 2, 3, 1]
    logits = 2 * torch.randn(4, 4, len(head.scheme))
    mask = torch.arange(4) < torch.tensor(lengths).unsqueeze(1)
    seen = 0
    for row, prediction in enumerate(predict_tags(head, logits, mask, scores=True)):
        spans = [] if name == "none" else find_spans(prediction.labels)
        assert [span[:3] for span in prediction.spans] == spans and len(prediction.scores) == lengths[row]
        paths = list(itertools.product(range(len(head.scheme)), repeat=lengths[row]))
        each = logits[row : row + 1, : lengths[row]].expand(len(paths), -1, -1)
        whole = torch.ones(len(paths), lengths[row], dtype=torch.bool)
        costs = torch.stack(
            [head.crf.loss(e[None], torch.tensor([p]), w[None]) for e, p, w in zip(each, paths, whole, strict=True)]
        )
        shares = (-costs).exp().tolist()
        for span in prediction.spans:
            seen += 1
            holding = [s for p, s in zip(paths, shares, strict=True) if span[:3] in find_spans(head.scheme.decode(p))]
            assert span.score == pytest.approx(sum(holding), abs=1e-5)
    assert seen or name == "none"
    assert all(not prediction.scores for prediction in predict_tags(head, logits, mask, scores=False))


def test_spans_have_the_characters_of_the_text() -> None:
    text, places = "di  Kota Batu!", [(0, 2), (4, 8), (9, 13), (13, 14)]
    (span,) = locate_spans(text, places, Prediction(["O", "B-LOC", "I-LOC", "O"]))
    assert (span.type, span.start, span.end, span.text, span.score) == ("LOC", 4, 13, "Kota Batu", None)
    (span,) = locate_spans(text, places, Prediction(["O", "B", "I", "O"]))
    assert span.type == ""
