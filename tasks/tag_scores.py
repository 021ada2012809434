"""Tags of words with the probability of each, and of each span that they mark."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from elmo_xlstm.modules import QuestionTagger, Tagger, TagProbabilities, TagScheme
from elmo_xlstm.runtime.spans import find_spans
from elmo_xlstm.tasks.answers import Span
from elmo_xlstm.tasks.predictor import Prediction, TaggedSpan

UNTYPED = "_"
"""What seqeval calls the type of tags that have none: B, I."""


def predict_tags(head: Tagger | QuestionTagger, logits: Tensor, mask: Tensor, scores: bool) -> list[Prediction]:
    """The best tags of each sentence.

    Args:
        head: whose scheme and transitions decide.
        logits: (B, L, K) emission scores.
        mask: (B, L) bool, right-padded.
        scores: also give probabilities.
    """
    paths = head.best(logits, mask)
    if not scores:
        return [Prediction(head.scheme.decode(ids)) for ids in paths]
    found = head.probabilities(logits, mask)
    return [
        Prediction(head.scheme.decode(ids), scores=found.of_tags(row, ids), spans=_spans(head.scheme, found, row, ids))
        for row, ids in enumerate(paths)
    ]


def _spans(scheme: TagScheme, found: TagProbabilities, row: int, ids: Sequence[int]) -> list[TaggedSpan]:
    """The spans, each with the probability of all tag sequences that hold this very span, no longer one.

    In BIO a span ends where no I- of its type follows; BIOES says so with the tags themselves.
    """
    if scheme.name == "none":
        return []
    spans = []
    for kind, first, stop in find_spans(scheme.decode(ids)):
        longer = f"I{scheme.labels[ids[first]][1:]}"
        but = scheme.labels.index(longer) if scheme.name == "bio" and longer in scheme.labels else None
        spans.append(TaggedSpan(kind, first, stop, found.of_run(row, first, ids[first:stop], but)))
    return spans


def locate_spans(text: str, places: Sequence[tuple[int, int]], prediction: Prediction) -> tuple[Span, ...]:
    """The spans of a prediction, by the characters of the text.

    Args:
        text: as it was given.
        places: start and end of each of its words.
        prediction: with a tag for each word.
    """
    spans = prediction.spans or [TaggedSpan(*span) for span in find_spans(prediction.labels)]
    located = [(span, places[span.first][0], places[span.stop - 1][1]) for span in spans]
    return tuple(
        Span("" if span.kind == UNTYPED else span.kind, start, end, text[start:end], span.score)
        for span, start, end in located
    )
