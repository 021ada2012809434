"""Entities, tags and vectors of spaCy's documents, whose words stay as spaCy has split them.

Annotations are evaluated here: spaCy reads those of its factories.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.tokens import Doc, Span, Token

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.pretrained import DEFAULT_MODEL
from elmo_xlstm.runtime.spans import UNTYPED, find_spans
from elmo_xlstm.runtime.text_vectors import Layer
from elmo_xlstm.tasks.loading import load


class _Component:
    """A function of many documents' words."""

    def __call__(self, doc: Doc) -> Doc:
        """Annotate a document."""
        return next(self.pipe([doc]))

    def pipe(self, docs: Iterable[Doc], batch_size: int = 128) -> Iterator[Doc]:
        """Annotate documents, many at a time."""
        rest = iter(docs)
        while batch := list(islice(rest, batch_size)):
            self.annotate(batch)
            yield from batch

    def annotate(self, docs: list[Doc]) -> None:
        """Annotate documents in place."""
        raise NotImplementedError

    def to_disk(self, path: str | Path, exclude: Iterable[str] = ()) -> None:
        """Nothing: the model is named in the pipeline's configuration."""

    def from_disk(self, path: str | Path, exclude: Iterable[str] = ()) -> "_Component":
        """Nothing; see :meth:`to_disk`."""
        return self


class Tagger(_Component):
    """Tags words by a trained head, as entities or as ``tag_``.

    Args:
        model: see :func:`elmo_xlstm.load`.
        write: puts the tags of words into a document.
    """

    def __init__(self, model: str, write: Callable[[Doc, list[Token], list[str]], None]) -> None:
        self._model = load(model)
        self._write = write

    def annotate(self, docs: list[Doc]) -> None:
        """Annotate documents in place."""
        words = [_words(doc) for doc in docs]
        filled = [(doc, tokens) for doc, tokens in zip(docs, words, strict=True) if tokens]
        answers = self._model.predict([[token.text for token in tokens] for _, tokens in filled])
        for (doc, tokens), answer in zip(filled, answers, strict=True):
            self._write(doc, tokens, [word.tag for word in answer.words])


class Vectorizer(_Component):
    """Gives documents, spans and tokens their vectors: ``doc.tensor`` holds those of the tokens.

    Args:
        model: see :meth:`~elmo_xlstm.embedding.ElmoEmbedder.from_pretrained`.
        layer: a number, or ``mean`` of all.
    """

    def __init__(self, model: str, layer: Layer) -> None:
        self._embedder = ElmoEmbedder.from_pretrained(model)
        self._layer = layer

    def annotate(self, docs: list[Doc]) -> None:
        """Annotate documents in place."""
        vectors = self._embedder.encode([[token.text for token in doc] for doc in docs], "words", self._layer)
        for doc, found in zip(docs, vectors, strict=True):
            doc.tensor = found
            doc.user_hooks["vector"] = lambda doc: doc.tensor.mean(axis=0)
            doc.user_span_hooks["vector"] = lambda span: span.doc.tensor[span.start : span.end].mean(axis=0)
            doc.user_token_hooks["vector"] = lambda token: token.doc.tensor[token.i]
            for hooks in (doc.user_hooks, doc.user_span_hooks, doc.user_token_hooks):
                hooks["has_vector"] = lambda _: True
                hooks["similarity"] = _cosine


def _cosine(one: Any, other: Any) -> float:
    """Similarity of two documents, spans or tokens."""
    lengths = np.linalg.norm(one.vector) * np.linalg.norm(other.vector)
    return float(one.vector @ other.vector / lengths) if lengths else 0.0


def _words(doc: Doc) -> list[Token]:
    return [token for token in doc if not token.is_space]


def _write_entities(doc: Doc, tokens: list[Token], tags: list[str]) -> None:
    spans = [
        Span(doc, tokens[first].i, tokens[stop - 1].i + 1, "MISC" if kind == UNTYPED else kind)
        for kind, first, stop in find_spans(tags)
    ]
    doc.set_ents(spans)


def _write_tags(doc: Doc, tokens: list[Token], tags: list[str]) -> None:
    for token, tag in zip(tokens, tags, strict=True):
        token.tag_ = tag


@Language.factory("elmo_entities", default_config={"model": "ner"}, assigns=["doc.ents"])
def make_entities(nlp: Language, name: str, model: str) -> Tagger:
    """Entities by a trained tagger."""
    return Tagger(model, _write_entities)


@Language.factory("elmo_tags", default_config={"model": "pos"}, assigns=["token.tag"])
def make_tags(nlp: Language, name: str, model: str) -> Tagger:
    """Parts of speech by a trained tagger."""
    return Tagger(model, _write_tags)


@Language.factory("elmo_vectors", default_config={"model": DEFAULT_MODEL, "layer": "mean"}, assigns=["doc.tensor"])
def make_vectors(nlp: Language, name: str, model: str, layer: Any) -> Vectorizer:
    """Vectors of a language model."""
    return Vectorizer(model, layer)
