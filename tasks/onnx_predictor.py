"""Trained heads without torch: the answers of :func:`elmo_xlstm.load`, from what ``export --onnx`` wrote."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from elmo_xlstm.errors import UserError
from elmo_xlstm.runtime.crf import TagChain, TagProbabilities
from elmo_xlstm.runtime.onnx_model import Array, OnnxModel
from elmo_xlstm.runtime.spans import find_spans
from elmo_xlstm.tasks.answers import Answer, Aspect, AspectsOfText, LabelledTexts, Span, Tag, TaggedText, ranked
from elmo_xlstm.text.words import join_words, locate_words

WINDOW = 512
"""Texts that are read together."""


class OnnxPredictor:
    """Predicts for texts, as :class:`~elmo_xlstm.tasks.loading.Annotator` does.

    Args:
        model: directory that ``export --onnx`` wrote of a tagger or classifier; or what was read from it.

    Attributes:
        labels: that can be predicted: tags, labels of texts, or polarities.
        aspects: that each have a polarity; empty unless the head has aspects.

    Raises:
        UserError: it is no exported head, or onnxruntime is missing.
    """

    def __init__(self, model: OnnxModel | str | Path) -> None:
        self._model = model if isinstance(model, OnnxModel) else OnnxModel(model)
        settings = self._model.settings
        if settings["kind"] not in ("tagging", "classification", "aspects"):
            raise UserError(f"{model}: a language model, no head; read it with OnnxEmbedder")
        self._kind: str = settings["kind"]
        self.labels: tuple[str, ...] = tuple(settings["labels"])
        self.aspects: tuple[str, ...] = tuple(settings["aspects"])
        chain = settings.get("crf")
        self._chain = TagChain(*(np.array(chain[name]) for name in ("transitions", "start", "end"))) if chain else None

    def predict(self, texts: str | Iterable[str | Sequence[str]], top_k: int | None = None) -> Any:
        """Predict for a text, or for many in a stream.

        Args:
            texts: one text; or any iterable, also an endless one, of texts or lists of words.
            top_k: how many labels with their probabilities; all by default.

        Returns:
            For one text its answer, see :mod:`elmo_xlstm.tasks.answers`; else an iterator over answers in their order.

        Raises:
            UserError: a text is too long; see :meth:`~elmo_xlstm.runtime.onnx_model.OnnxModel.run`.
        """
        if isinstance(texts, str):
            return next(self._answers([texts], top_k))
        return self._answers(texts, top_k)

    def _answers(self, texts: Iterable[str | Sequence[str]], top_k: int | None) -> Iterator[Answer]:
        rest = iter(texts)
        while window := [self._split(given) for given in islice(rest, WINDOW)]:
            found = dict(self._model.run([words for _, words, _ in window]))
            for index, (text, words, places) in enumerate(window):
                output = found.get(index)
                if self._kind == "tagging":
                    yield self._tagged(text, places, None if output is None else output[: len(words)])
                else:
                    yield self._labelled(text, output, top_k)

    def _split(self, given: str | Sequence[str]) -> tuple[str, list[str], list[tuple[int, int]]]:
        """A text, its words, and where they stand in it."""
        if isinstance(given, str):
            located = locate_words(given, self._model.settings["keep_whole"])
            return given, [word for word, _, _ in located], [(start, end) for _, start, end in located]
        text, places = join_words(given)
        return text, list(given), places

    def _tagged(self, text: str, places: Sequence[tuple[int, int]], emissions: Array | None) -> TaggedText:
        if emissions is None:
            return TaggedText(text, (), ())
        scores = emissions.astype(np.float64)
        if self._chain is not None:
            ids, found = self._chain.best(scores), self._chain.probabilities(scores)
        else:
            ids, found = scores.argmax(axis=1).tolist(), TagProbabilities.independent(scores)
        tags = [self.labels[index] for index in ids]
        words = tuple(
            Tag(tag, start, end, text[start:end], min(1.0, float(row[index])))
            for tag, index, (start, end), row in zip(tags, ids, places, found.words, strict=True)
        )
        return TaggedText(text, words, self._spans(text, places, tags, ids, found))

    def _spans(
        self,
        text: str,
        places: Sequence[tuple[int, int]],
        tags: Sequence[str],
        ids: Sequence[int],
        found: TagProbabilities,
    ) -> tuple[Span, ...]:
        scheme = self._model.settings["scheme"]
        spans = []
        for kind, first, stop in [] if scheme == "none" else find_spans(tags):
            longer = f"I{tags[first][1:]}"
            but = self.labels.index(longer) if scheme == "bio" and longer in self.labels else None
            start, end = places[first][0], places[stop - 1][1]
            spans.append(Span(kind, start, end, text[start:end], found.of_run(first, ids[first:stop], but)))
        return tuple(spans)

    def _labelled(self, text: str, probabilities: Array | None, top_k: int | None) -> Answer:
        rows = [] if probabilities is None else probabilities.tolist()  # of each aspect
        found = [ranked(self.labels, row, self.labels[int(np.argmax(row))], top_k) for row in rows]
        if self._kind == "aspects":
            named = zip(self.aspects, found, strict=False)
            return AspectsOfText(text, tuple(Aspect(name, of[0].label, of[0].score, of) for name, of in named))
        if not found:
            return LabelledTexts((text,), None, None, ())
        return LabelledTexts((text,), found[0][0].label, found[0][0].score, found[0])
