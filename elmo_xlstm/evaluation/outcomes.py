"""Counts of what a run got right, example by example, small enough to be kept in its result file.

The counts of :mod:`elmo_xlstm.evaluation.bootstrap` are all that a corpus-level score depends on, so
intervals and paired tests of significance can be made from the result files alone, without predictions.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from elmo_xlstm.config import Settings

Kind = Literal["spans", "labels"]
HEADER = struct.Struct("<BBII")
"""Version, bytes per count, examples, counts of an example; the compressed counts follow."""
VERSION = 1
LARGEST = 1 << 24
"""Bytes that the counts may take uncompressed. Data that claim more are refused before they are unpacked."""
MOST_EXAMPLES = 1 << 18  # resampling draws each of them a thousand times, which takes half a minute for so many
WIDTHS = {1: "<u1", 2: "<u2", 4: "<u4"}


class Outcomes(Settings):
    """Counts of each test example, packed."""

    kind: Kind
    """The things counted: ``spans`` (:func:`~elmo_xlstm.evaluation.tagging.count_spans`) or ``labels``."""
    data: Annotated[str, Field(max_length=2 * LARGEST)]
    """Base64 of a header and the counts, row by row, compressed with zlib."""


def encode_outcomes(kind: Kind, statistics: NDArray[Any]) -> Outcomes:
    """Pack (S, K) counts, into 2.5 kB for a test set of 840 sentences; ValueError if they cannot be kept."""
    counts = np.asarray(statistics)
    if counts.ndim != 2 or 0 in counts.shape:
        raise ValueError(f"counts of shape {counts.shape}, expected (examples, counts), neither of them 0")
    if not np.issubdtype(counts.dtype, np.integer) or counts.min() < 0 or counts.max() >= 1 << 32:
        raise ValueError("counts are whole numbers from 0 to 4294967295")
    width = next(width for width in WIDTHS if counts.max() < 1 << (8 * width))
    if counts.size * width > LARGEST:
        raise ValueError(f"{counts.size} counts of {width} bytes are more than the {LARGEST} bytes that can be kept")
    if len(counts) > MOST_EXAMPLES:
        raise ValueError(f"{len(counts)} examples are more than the {MOST_EXAMPLES} whose counts can be kept")
    packed = zlib.compress(np.ascontiguousarray(counts, WIDTHS[width]).tobytes(), level=9)
    return Outcomes(kind=kind, data=base64.b64encode(HEADER.pack(VERSION, width, *counts.shape) + packed).decode())


def decode_outcomes(outcomes: Outcomes) -> NDArray[np.int64]:
    """(S, K) counts; never unpacks more than 16 MiB. A ValueError says how the data are damaged."""
    try:
        data = base64.b64decode(outcomes.data, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("outcomes are damaged: no base64") from None
    if len(data) < HEADER.size:
        raise ValueError("outcomes are damaged: cut short")
    version, width, examples, columns = HEADER.unpack_from(data)
    if version != VERSION:
        raise ValueError(f"outcomes are of version {version}, expected {VERSION}")
    if width not in WIDTHS or examples == 0 or columns == 0:
        raise ValueError(f"outcomes are damaged: {examples} x {columns} counts of {width} bytes")
    size = width * examples * columns
    if size > LARGEST:
        raise ValueError(f"outcomes claim {size} bytes, more than the {LARGEST} that are unpacked")
    if examples > MOST_EXAMPLES:
        raise ValueError(f"outcomes claim {examples} examples, more than the {MOST_EXAMPLES} that are resampled")
    unpacking = zlib.decompressobj()
    try:
        counts = unpacking.decompress(data[HEADER.size :], size + 1)
    except zlib.error as error:
        raise ValueError(f"outcomes are damaged: {error}") from None
    if len(counts) != size or not unpacking.eof or unpacking.unused_data:
        raise ValueError(f"outcomes are damaged: not the {size} bytes that their header says")
    return np.frombuffer(counts, WIDTHS[width]).reshape(examples, columns).astype(np.int64)
