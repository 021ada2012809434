"""Vectors of a stream of texts into a file: resumed after a kill, with the bytes of a run that was never killed."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from elmo_xlstm.embedding.embedder import ElmoEmbedder
from elmo_xlstm.embedding.vector_files.formats import FileOptions, format_of
from elmo_xlstm.embedding.vector_files.parts import Part, Parts, TextRow, in_parts
from elmo_xlstm.errors import UserError
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.runs.files import writing
from elmo_xlstm.runs.interruption import Interrupted, finishing_step, stop_requested
from elmo_xlstm.runtime.text_vectors import Layer, Pool, check_choice
from elmo_xlstm.sharding import Shard


@dataclass(frozen=True)
class VectorSettings:
    """Choice of what is written.

    Attributes:
        pool: see :meth:`~elmo_xlstm.runtime.text_vectors.TextVectors.encode`.
        layer: likewise.
        shard: every N-th text alone.
        forget_sentences: leave texts and words out of the file.
    """

    pool: Pool = "words"
    layer: Layer = "mean"
    shard: Shard = Shard()
    forget_sentences: bool = False


def write_vectors(
    embedder: ElmoEmbedder,
    rows: Iterable[TextRow],
    output: Path,
    settings: VectorSettings,
    resume: bool = False,
    force: bool = False,
    progress: Progress | None = None,
) -> int:
    """Embed texts into a file; memory does not grow with their number.

    Parts are kept in a directory beside the file until it is whole, which takes the file's size once more. Only the
    texts themselves are held, for ``sentence_to_index`` of HDF5, unless they are to be forgotten.

    Args:
        embedder: of the words.
        rows: the texts; numbered.
        output: ``.hdf5``, ``.h5``, ``.safetensors`` or ``.parquet``; replaced when it is whole.
        settings: choice of vectors.
        resume: go on with what an earlier call left.
        force: remove it.
        progress: counts texts.

    Returns:
        The number of texts in the file.

    Raises:
        UserError: there is no such format, something else is there, or the input holds no text.
        ValueError: there is no such pooling or layer.
        Interrupted: SIGTERM or Ctrl-C; whole parts are kept.
    """
    check_choice(settings.pool, settings.layer, embedder.num_layers)
    write = format_of(output)
    if not output.absolute().parent.is_dir():
        raise UserError(f"{output}: there is no directory {output.parent}; make it, or choose another name")
    kept = {"embedder": embedder.fingerprint, **asdict(settings), "device": embedder.model.device.type}
    parts = Parts(output.with_name(f"{output.name}.parts"), kept, resume, force)
    count = 0
    with finishing_step(), (progress or NullProgress()).task("embed") as work:
        for number, part in enumerate(in_parts(settings.shard.of(rows))):
            if not parts.has(number, part):
                vectors = embedder.encode([row.words for row in part], settings.pool, settings.layer)
                parts.write(number, Part.of(part, vectors))
            count += len(part)
            work.advance(len(part))
            if signal := stop_requested():
                raise Interrupted(signal, f"the vectors of {count:,} texts are kept beside {output}")
    if not count:
        parts.remove()
        raise UserError("the input holds no text")
    options = FileOptions(settings.pool == "words", settings.layer == "all", settings.forget_sentences)
    temporary = output.with_name(f".{output.name}.tmp")
    with writing(output):
        try:
            write(temporary, parts, options)
            with open(temporary, "rb") as file:
                os.fsync(file.fileno())
            temporary.replace(output)
        finally:
            temporary.unlink(missing_ok=True)
    parts.remove()
    return count
