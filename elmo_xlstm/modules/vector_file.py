"""Pretrained word vectors in the text format of word2vec, GloVe and fastText."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from elmo_xlstm.errors import UserError

LONGEST_LINE = 2**20
"""Characters; lines of the widest vectors have 50,000."""


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
        UserError: the file is missing, cannot be unpacked, or a line does not have ``dim`` finite numbers.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file of word vectors; give a text file of vectors, plain or .gz")
    opener = gzip.open if path.suffix == ".gz" else open
    number = 0
    try:
        with opener(path, "rt", encoding="utf-8-sig", errors="replace") as file:
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if len(line) > LONGEST_LINE:
                    raise UserError(
                        f"{path}:{number}: a line of more than {LONGEST_LINE:,} characters; expected a word and {dim} "
                        "numbers a line"
                    )
                fields = line.rstrip().split(" ")
                if number == 1 and len(fields) == 2 and all(field.isdecimal() for field in fields):
                    if fields[1].lstrip("0") != str(dim):
                        width = fields[1][:20]
                        raise UserError(f"{path}:1: vectors are {width} wide, but dim is {dim}; set dim to match")
                    continue
                word, vector = " ".join(fields[:-dim]), _parse(fields[-dim:])
                if not word or vector is None:
                    raise UserError(
                        f"{path}:{number}: expected a word and {dim} numbers, found {len(fields) - 1} fields after "
                        "the first; set dim to the file's width or restore the line"
                    )
                if not np.isfinite(vector).all():
                    raise UserError(
                        f"{path}:{number}: the vector of {word[:50]!r} holds a number that is not finite; restore the "
                        "line or leave it out"
                    )
                yield word, vector
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UserError(f"{path}: cannot be unpacked after line {number} ({error}); fetch the file again") from None
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from None


def _parse(fields: list[str]) -> np.ndarray | None:
    """The numbers of a line; infinite where single precision cannot hold one."""
    try:
        with np.errstate(over="ignore"):
            return np.array([float(field) for field in fields], dtype=np.float64).astype(np.float32)
    except ValueError:
        return None
