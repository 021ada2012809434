"""Vectors of many texts as a directory of parts, each written whole or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import write_atomically
from elmo_xlstm.runs.files import read_json, to_json
from elmo_xlstm.runtime.text_vectors import Vectors

SETTINGS_FILE = "settings.json"
PART_WORDS, PART_ROWS = 4_096, 1_024
"""Words and texts of a part: its vectors are in memory together, 50 MB of the bundled model's layers."""


class TextRow(NamedTuple):
    """A text of a file.

    Attributes:
        index: its number, from 0.
        text: as it stands there.
        words: of it.
    """

    index: int  # type: ignore[assignment]  # a column's name in files
    text: str
    words: Sequence[str]


@dataclass(frozen=True)
class Part:
    """Texts and their vectors.

    Attributes:
        rows: the texts.
        vectors: (words of all texts, ...) one text after another, or (texts, ...).
        starts: (texts + 1,) where each text's words begin, and where the last one's end; None for vectors of texts.
    """

    rows: Sequence[TextRow]
    vectors: Vectors
    starts: np.ndarray | None

    @classmethod
    def of(cls, rows: Sequence[TextRow], vectors: Vectors | Sequence[Vectors]) -> Part:
        """Put the vectors of a part's texts together."""
        if isinstance(vectors, np.ndarray):
            return cls(rows, vectors, None)
        lengths = [0, *map(len, vectors)]
        return cls(rows, np.concatenate(vectors), np.cumsum(lengths, dtype=np.int64))

    def __iter__(self) -> Iterator[tuple[TextRow, Vectors]]:
        """Each text with (words, ...) or (...)."""
        if self.starts is None:
            return zip(self.rows, self.vectors, strict=True)
        return zip(self.rows, np.split(self.vectors, self.starts[1:-1]), strict=True)


class Parts:
    """A directory of parts.

    Args:
        directory: made if it is not there.
        settings: that all parts depend on.
        resume: go on with what an earlier process left.
        force: remove it.

    Raises:
        UserError: something is there, and neither is asked for; or it was made with other settings.
    """

    def __init__(self, directory: Path, settings: Mapping[str, Any], resume: bool, force: bool) -> None:
        self._directory = directory
        if force:
            shutil.rmtree(directory, ignore_errors=True)
        stored = directory / SETTINGS_FILE
        if stored.is_file():
            if not resume:
                raise UserError(
                    f"{directory}: holds vectors of an earlier command that did not come to its end; go on with "
                    "--resume, or begin anew with --force"
                )
            if read_json(stored) != settings:
                raise UserError(
                    f"{directory}: was begun with another model or other options; repeat those with --resume, or begin "
                    "anew with --force"
                )
        write_atomically(stored, to_json(settings, indent=2).encode())

    def _path(self, number: int) -> Path:
        return self._directory / f"{number:08}.safetensors"

    def has(self, number: int, rows: Sequence[TextRow]) -> bool:
        """Whether a part is there already.

        Raises:
            UserError: it is one of other texts.
        """
        path = self._path(number)
        if not path.is_file():
            return False
        if _rows_of(path) != json.loads(_to_text(rows)):
            raise UserError(f"{path}: holds other texts than those of the input now; begin anew with --force")
        return True

    def write(self, number: int, part: Part) -> None:
        """Write a part."""
        tensors = {"vectors": part.vectors, **({"starts": part.starts} if part.starts is not None else {})}
        write_atomically(self._path(number), save(tensors, {"rows": _to_text(part.rows)}))

    def __iter__(self) -> Iterator[Part]:
        """All parts, in their order."""
        for path in sorted(self._directory.glob("*.safetensors")):
            with safe_open(path, framework="np") as file:
                starts = file.get_tensor("starts") if "starts" in file.keys() else None
                yield Part([TextRow(*row) for row in _rows_of(path)], file.get_tensor("vectors"), starts)

    def remove(self) -> None:
        """Remove the directory."""
        shutil.rmtree(self._directory)


def in_parts(rows: Iterable[TextRow]) -> Iterator[list[TextRow]]:
    """Texts in lists of about as many words; which ones share a list depends on the texts alone."""
    part: list[TextRow] = []
    words = 0
    for row in rows:
        part.append(row)
        words += len(row.words)
        if words >= PART_WORDS or len(part) == PART_ROWS:
            yield part
            part, words = [], 0
    if part:
        yield part


def _to_text(rows: Sequence[TextRow]) -> str:
    return json.dumps([[row.index, row.text, list(row.words)] for row in rows], ensure_ascii=False)


def _rows_of(path: Path) -> list[Any]:
    try:
        with safe_open(path, framework="np") as file:
            rows: list[Any] = json.loads(file.metadata()["rows"])
            return rows
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(f"{path}: damaged ({error}); remove it and go on with --resume") from None
