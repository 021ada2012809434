"""A directory that ``export --onnx`` wrote: onnxruntime, tokenizers and NumPy read it, and nothing else is imported."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elmo_xlstm.errors import UserError
from elmo_xlstm.optional import imported
from elmo_xlstm.runtime.batches import token_budget_batches
from elmo_xlstm.text.pieces import WordPieces, piece_ids, prepare_backend, word_pieces

GRAPH_FILE = "model.onnx"
SETTINGS_FILE = "onnx.json"
TOKENIZER_FILE = "tokenizer.json"
FORMAT = 1
TOKEN_BUDGET = 512
"""Pieces of one batch, padding included."""
LONGEST = 4_096
"""Pieces of one text: all pairs of them are in memory together, a gigabyte for that many."""
Array = npt.NDArray[Any]


class OnnxModel:
    """A graph with its tokenizer and settings.

    Args:
        directory: that the export wrote.
        threads: of one computation; as many as there are cores by default.

    Attributes:
        settings: of the export: kind of model, labels, sizes.

    Raises:
        UserError: there is no such directory, it is of another version, or onnxruntime is missing.
    """

    def __init__(self, directory: str | Path, threads: int | None = None) -> None:
        directory = Path(directory)
        try:
            self.settings: dict[str, Any] = json.loads((directory / SETTINGS_FILE).read_text(encoding="utf-8"))
            if self.settings["format"] != FORMAT:
                raise ValueError(f"format {self.settings['format']}, expected {FORMAT}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{directory}: no model that export --onnx wrote ({SETTINGS_FILE}: {error}); write it with: "
                f"elmo-xlstm export RUN {directory} --onnx"
            ) from None
        onnxruntime = imported("onnxruntime", "onnx")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.enable_cpu_mem_arena = False  # it keeps what the largest batch has taken
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        if threads is not None:
            options.intra_op_num_threads = threads
        graph = directory / GRAPH_FILE
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # the library's own classes derive from nothing narrower
            raise UserError(f"{graph}: cannot be read ({str(error)[:200]}); export the model again") from None
        self._inputs = {entry.name for entry in self._session.get_inputs()}
        self._backend: Any = None
        if "input_ids" in self._inputs:
            self._backend = imported("tokenizers", "onnx").Tokenizer.from_file(str(directory / TOKENIZER_FILE))
            prepare_backend(self._backend)
        self._ids = {
            name: {token: index for index, token in enumerate(self.settings[name]["tokens"], start=2)}
            for name in ("words", "characters")
            if name in self._inputs
        }

    def run(self, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[int, Array]]:
        """Compute from words, in batches of similar length.

        Args:
            sentences: words of each.

        Yields:
            The index of a sentence that has words, and its row of the graph's output.

        Raises:
            UserError: a sentence has more than 4,096 pieces.
        """
        if self.settings["lower_case"]:
            sentences = [[word.lower() for word in sentence] for sentence in sentences]
        filled = [index for index, sentence in enumerate(sentences) if len(sentence)]
        pieces = self._pieces([sentences[index] for index in filled])
        lengths = [len(found.input_ids) for found in pieces]
        if lengths and max(lengths) > LONGEST:
            raise UserError(
                f"text {filled[lengths.index(max(lengths))] + 1}: {max(lengths):,} pieces; at most {LONGEST:,} can be "
                "read at once without torch: break the text into sentences"
            )
        for batch in token_budget_batches(lengths, TOKEN_BUDGET):
            words = [sentences[filled[index]] for index in batch]
            (output,) = self._session.run(None, self._arrays(words, [pieces[index] for index in batch]))
            yield from zip((filled[index] for index in batch), output, strict=True)

    def _pieces(self, sentences: Sequence[Sequence[str]]) -> list[WordPieces]:
        if self._backend is None:
            return [WordPieces([0] * len(sentence), [], []) for sentence in sentences]
        of = self.settings["tokenizer"]
        found = word_pieces(lambda texts: piece_ids(self._backend, texts), sentences, of["unk_id"], of["fix_unicode"])
        return [pieces.as_document(of["bos_id"], of["eos_id"]) for pieces in found]

    def _arrays(self, sentences: Sequence[Sequence[str]], pieces: Sequence[WordPieces]) -> Mapping[str, Array]:
        """The inputs that the graph has."""
        arrays = {
            "word_counts": lambda: np.array([len(words) for words in sentences]),
            "input_ids": lambda: padded([found.input_ids for found in pieces]),
            "piece_counts": lambda: np.array([len(found.input_ids) for found in pieces]),
            "first": lambda: padded([found.first for found in pieces]),
            "last": lambda: padded([found.last for found in pieces]),
            "words": lambda: padded([self._word_ids(words) for words in sentences]),
            "characters": lambda: self._characters(sentences),
        }
        return {name: arrays[name]() for name in self._inputs}

    def _word_ids(self, words: Sequence[str]) -> list[int]:
        if self.settings["words"]["lower_case"]:
            words = [word.lower() for word in words]
        return [self._ids["words"].get(word, 1) for word in words]

    def _characters(self, sentences: Sequence[Sequence[str]]) -> Array:
        """(B, L, C)."""
        ids, most = self._ids["characters"], self.settings["characters"]["most"]
        half = most // 2
        rows: list[list[int]] = []
        longest = max(map(len, sentences))
        for words in sentences:
            cut = [word if len(word) <= most else word[:half] + word[-half:] for word in words]
            rows += [[ids.get(character, 1) for character in word] for word in cut] + [[]] * (longest - len(words))
        return padded(rows).reshape(len(sentences), longest, -1)


def padded(rows: Sequence[Sequence[int]]) -> Array:
    """Rows of ids, padded with 0 to the longest one, which is counted as 1 at least."""
    array = np.zeros((len(rows), max(1, *map(len, rows))), np.int64)
    for row, values in zip(array, rows, strict=True):
        row[: len(values)] = values
    return array
