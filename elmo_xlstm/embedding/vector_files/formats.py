"""Files that vectors are written into, by their names' endings. All are written with a part in memory at a time."""

from __future__ import annotations

import json
import shutil
import struct
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from elmo_xlstm.embedding.vector_files.parts import Part
from elmo_xlstm.errors import UserError
from elmo_xlstm.optional import imported

SENTENCE_KEYS = "sentence_to_index"


@dataclass(frozen=True)
class FileOptions:
    """Options of the formats.

    Attributes:
        words: whether there is a vector for each word, else one for each text.
        layers: whether all layers are there, one after another.
        forget_sentences: leave the texts out.
    """

    words: bool
    layers: bool
    forget_sentences: bool = False


def write_hdf5(path: Path, parts: Iterable[Part], options: FileOptions) -> None:
    """The layout of ELMo's own command (AllenNLP 0.9, ``allennlp elmo``).

    One float32 data set for each text, named by its number: (layers, words, dim), or (words, dim) of one layer or their
    mean. ``sentence_to_index`` is a JSON text that maps each text to its number; it is in memory as a whole.
    """
    h5py = imported("h5py", "hdf5")
    keys: dict[str, str] = {}
    with h5py.File(path, "w") as file:
        for part in parts:
            for row, vectors in part:
                layers_first = vectors.swapaxes(0, 1) if options.words and options.layers else vectors
                file.create_dataset(str(row.index), data=layers_first, dtype="float32", track_times=False)
                if not options.forget_sentences:
                    keys[row.text] = str(row.index)
        if not options.forget_sentences:
            texts = file.create_dataset(SENTENCE_KEYS, (1,), dtype=h5py.string_dtype(), track_times=False)
            texts[0] = json.dumps(keys, ensure_ascii=False).encode(errors="replace")


def write_safetensors(path: Path, parts: Iterable[Part], options: FileOptions) -> None:
    """A few tensors for all texts.

    ``vectors`` (words of all texts or texts, dim) or (..., layers, dim); ``starts`` (texts + 1,), where each text's
    words begin, with vectors of words; ``index`` (texts,), the numbers of the texts.
    """
    index: list[int] = []
    starts = [0]
    shape: tuple[int, ...] = ()
    with tempfile.TemporaryFile(dir=path.parent) as data:
        for part in parts:
            index += [row.index for row in part.rows]
            if part.starts is not None:
                starts += (part.starts[1:] + starts[-1]).tolist()
            shape = part.vectors.shape[1:]
            data.write(np.ascontiguousarray(part.vectors, "<f4").data)
        rows = starts[-1] if options.words else len(index)
        arrays = [("index", index), *([("starts", starts)] if options.words else [])]
        header: dict[str, Any] = {"vectors": _entry("F32", (rows, *shape), 0, data.tell())}
        end = data.tell()
        for name, values in arrays:
            header[name] = _entry("I64", (len(values),), end, end := end + 8 * len(values))
            data.write(np.array(values, "<i8").data)
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        data.seek(0)
        with open(path, "wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            shutil.copyfileobj(data, file, 2**20)


def _entry(dtype: str, shape: tuple[int, ...], start: int, stop: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, stop]}


def write_parquet(path: Path, parts: Iterable[Part], options: FileOptions) -> None:
    """A row for each text: ``index``, ``text``, ``words``, and ``vectors`` of these or the ``vector`` of the text."""
    import pyarrow as pa  # slow to import
    import pyarrow.parquet as pq

    writer: Any = None
    try:
        for part in parts:
            flat = pa.array(part.vectors.reshape(-1))
            for size in reversed(part.vectors.shape[1:]):
                flat = pa.FixedSizeListArray.from_arrays(flat, size)
            columns: dict[str, Any] = {"index": pa.array([row.index for row in part.rows], pa.int64())}
            if not options.forget_sentences:
                columns["text"] = pa.array([row.text for row in part.rows], pa.string())
            if part.starts is None:
                columns["vector"] = flat
            else:
                if not options.forget_sentences:
                    columns["words"] = pa.array([list(row.words) for row in part.rows], pa.list_(pa.string()))
                columns["vectors"] = pa.ListArray.from_arrays(pa.array(part.starts, pa.int32()), flat)
            table = pa.table(columns)
            writer = writer or pq.ParquetWriter(path, table.schema)
            writer.write_table(table)
    finally:
        if writer is not None:
            writer.close()


FORMATS: dict[str, Callable[[Path, Iterable[Part], FileOptions], None]] = {
    ".hdf5": write_hdf5,
    ".h5": write_hdf5,
    ".safetensors": write_safetensors,
    ".parquet": write_parquet,
}
"""Writers by the ending of a file's name."""


def format_of(path: Path) -> Callable[[Path, Iterable[Part], FileOptions], None]:
    """The writer of a file.

    Raises:
        UserError: its name has no such ending, or the library for it is missing.
    """
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise UserError(f"{path}: expected a name that ends in {', '.join(FORMATS)}")
    if FORMATS[suffix] is write_hdf5:
        imported("h5py", "hdf5")
    return FORMATS[suffix]
