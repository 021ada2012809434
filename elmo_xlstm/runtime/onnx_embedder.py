"""The embedder without torch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from elmo_xlstm.errors import UserError
from elmo_xlstm.runtime.onnx_model import OnnxModel
from elmo_xlstm.runtime.text_vectors import TextVectors, Vectors
from elmo_xlstm.text.pieces import check_sentences


class OnnxEmbedder(TextVectors):
    """Gives every word of a sentence one vector per layer, as :class:`~elmo_xlstm.embedding.ElmoEmbedder` does.

    Args:
        model: directory that ``export --onnx`` wrote of a language model; or what was read from it.

    Attributes:
        num_layers: the token layer and one per block.
        dim: width of a layer, both directions.

    Raises:
        UserError: it is no exported language model, or onnxruntime is missing.
    """

    def __init__(self, model: OnnxModel | str | Path) -> None:
        self._model = model if isinstance(model, OnnxModel) else OnnxModel(model)
        if self._model.settings["kind"] != "embedder":
            raise UserError(f"{model}: a head, no language model; read it with OnnxPredictor")
        self.num_layers: int = self._model.settings["num_layers"]
        self.dim: int = self._model.settings["dim"]

    def __call__(self, sentences: Sequence[Sequence[str]]) -> list[Vectors]:
        """Embed sentences, in their order: (words, layers, dim) of each.

        Raises:
            TypeError: a text stands where words are expected, or something else than a text for a word.
        """
        found = dict(self.stream(sentences))
        return [found[index] for index in range(len(found))]

    def stream(self, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[int, Vectors]]:
        """Index and (words, layers, dim) of sentences, those without words first; see :meth:`__call__`."""
        check_sentences(sentences)
        for index, sentence in enumerate(sentences):
            if not len(sentence):
                yield index, np.empty((0, self.num_layers, self.dim), np.float32)
        for index, layers in self._model.run(sentences):
            yield index, layers[: len(sentences[index])]
