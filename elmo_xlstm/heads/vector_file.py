"""Pretrained word vectors in the text format of word2vec, GloVe and fastText."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from elmo_xlstm.errors import UserError


def read_vectors(path: Path, dim: int) -> Iterator[tuple[str, np.ndarray]]:
    """Words and their vectors in order of the file, which is usually by frequency.

    Each line is a word and ``dim`` numbers parted by spaces; a first line with two whole numbers (how many, how wide)
    is a header. Files that end in ``.gz`` are unpacked while they are read.

    Args:
        path: a ``.vec`` or ``.txt`` file, plain or ``.gz``.
        dim: the width that is expected.

    Yields:
        A word and its vector, (dim,) float32.

    Raises:
        UserError: the file is missing, cannot be unpacked, or a line does not have ``dim`` numbers.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of word vectors; give a text file of vectors, plain or .gz")
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8", errors="replace") as file:
            for number, line in enumerate(file, start=1):
                fields = line.rstrip().split(" ")
                if number == 1 and len(fields) == 2 and all(field.isdecimal() for field in fields):
                    if int(fields[1]) != dim:
                        raise UserError(f"{path}:1: vectors are {fields[1]} wide, but dim is {dim}; set dim to match")
                    continue
                word, vector = " ".join(fields[:-dim]), _parse(fields[-dim:])
                if not word or vector is None:
                    raise UserError(
                        f"{path}:{number}: expected a word and {dim} numbers, found {len(fields) - 1} fields after "
                        "the first; set dim to the file's width or restore the line"
                    )
                yield word, vector
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: cannot be unpacked after line {number} ({error}); fetch the file again") from None


def _parse(fields: list[str]) -> np.ndarray | None:
    try:
        return np.array(fields, dtype=np.float32)
    except ValueError:
        return None
