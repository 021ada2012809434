"""Word vectors on disk: the frozen model runs once per distinct sentence."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from elmo_xlstm.embedding.embedder import ElmoEmbedder
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.runs.files import LARGEST_LIST, read_json, reading, writing
from elmo_xlstm.runs.interruption import Interrupted, finishing_step, stop_requested
from elmo_xlstm.text.pieces import check_sentences

try:
    import fcntl
except ImportError:  # not on this system: left-overs stay
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

FORMAT = 1
# Bytes of one file; after each, what was embedded is safe.
SEGMENT_BYTES = 256 * 2**20

Features = npt.NDArray[np.float16]


@dataclass(frozen=True)
class _Place:
    segment: str
    start: int
    stop: int


class FeatureStore:
    """Layers of words, fp16, memory-mapped, shared by all tasks, heads and seeds with the same embedder.

    ``directory/<fingerprint>/`` holds segments: ``<name>.bin`` with the words of many sentences one after another,
    (words, layers, dim), and ``<name>.json`` that says which words are whose. A segment exists once its JSON file
    does, which is renamed into place after the data; one whose size or checksum is wrong is removed, with a warning,
    and its sentences are embedded again. Several processes may use one store at once: each finds what the others have
    stored until then.

    Nothing reads ahead: opening the store checks every byte, which brings it into the system's page cache, and making
    an epoch's batches from there takes 3 % of an epoch of a BiLSTM-CRF (docs/performance.md, Studies).

    Args:
        directory: of all stores.
        embedder: what fills it.
    """

    def __init__(self, directory: str | Path, embedder: ElmoEmbedder) -> None:
        self._embedder = embedder
        self._shape = (embedder.num_layers, embedder.dim)
        self._directory = Path(directory) / embedder.fingerprint[:32]
        with writing(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
        self._places: dict[str, _Place] = {}
        self._segments: dict[str, Features] = {}
        self._remove_left_overs()
        self._find_segments()

    def features(self, sentences: Sequence[Sequence[str]], progress: Progress | None = None) -> list[Features]:
        """Vectors of sentences, in their order; those that are missing are computed and stored first.

        Args:
            sentences: words of each.
            progress: shows the embedding of missing sentences.

        Returns:
            For each sentence (words, layers, dim), a view into a memory map.

        Raises:
            TypeError: a sentence is no list of words.
            DiskError: the disk is full; what was stored before is all there.
            UnreadableError: a segment cannot be read just now; it stays.
            Interrupted: SIGTERM or Ctrl-C; what was computed so far was stored first.
        """
        check_sentences(sentences)  # the letters of a text may be stored as words
        keys = [sentence_key(sentence) for sentence in sentences]
        if any(key not in self._places for key in keys):
            self._find_segments()  # what other processes have embedded since
        missing = {key: sentence for key, sentence in zip(keys, sentences, strict=True) if key not in self._places}
        if missing:
            self._embed(missing, progress or NullProgress())
        return [self._view(self._places[key]) for key in keys]

    def _find_segments(self) -> None:
        for index in sorted(self._directory.glob("*.json")):
            if index.stem not in self._segments:
                self._open(index)

    def _remove_left_overs(self) -> None:
        """Remove what killed processes left, unless one that lives is writing just now."""
        with self._lock(exclusive=True) as alone:
            if not alone:
                return
            for path in [*self._directory.glob(".*.partial"), *self._directory.glob("*.bin")]:
                if path.suffix == ".partial" or not path.with_suffix(".json").exists():
                    logger.info("feature store: removing %s, left over from a process that did not end", path)
                    path.unlink(missing_ok=True)

    @contextmanager
    def _lock(self, exclusive: bool) -> Iterator[bool]:
        """Hold the directory: with all that write, or alone; yields whether that could be had at once."""
        descriptor = os.open(self._directory, os.O_RDONLY)
        try:
            got = fcntl is not None
            try:
                if fcntl is not None:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if exclusive else fcntl.LOCK_SH)
            except OSError:  # held by others, or a file system without locks
                got = False
            yield got
        finally:
            os.close(descriptor)

    def _view(self, place: _Place) -> Features:
        return self._segments[place.segment][place.start : place.stop]

    def _embed(self, missing: dict[str, Sequence[str]], progress: Progress) -> None:
        keys, sentences = list(missing), list(missing.values())
        pending: list[tuple[str, Features]] = []
        size = 0
        with finishing_step(), progress.task("embed sentences", len(sentences)) as work:
            for done, (index, layers) in enumerate(self._embedder.stream(sentences), start=1):
                pending.append((keys[index], layers.astype(np.float16)))
                size += pending[-1][1].nbytes
                work.advance()
                stopping = stop_requested()
                if size >= SEGMENT_BYTES or stopping:
                    self._write(pending)
                    pending, size = [], 0
                if stopping:
                    kept = f"{self._directory}: the vectors of {done} of {len(sentences)} sentences are kept"
                    raise Interrupted(stopping, kept)
            if pending:
                self._write(pending)

    def _write(self, entries: Sequence[tuple[str, Features]]) -> None:
        size = sum(layers.nbytes for _, layers in entries)
        with self._lock(exclusive=False), writing(self._directory, size):
            index = self._write_segment(entries)
        self._open(index)

    def _write_segment(self, entries: Sequence[tuple[str, Features]]) -> Path:
        places: dict[str, tuple[int, int]] = {}
        words = 0
        for key, layers in entries:
            places[key] = (words, words + len(layers))
            words += len(layers)
        checksum = zlib.crc32(json.dumps(places).encode())
        digest = hashlib.sha256("".join(places).encode())
        temporary = self._directory / f".{uuid.uuid4().hex}.partial"
        try:
            with open(temporary, "wb") as file:
                for _, layers in entries:
                    content = layers.tobytes()
                    checksum = zlib.crc32(content, checksum)
                    digest.update(content)
                    file.write(content)
                file.flush()
                os.fsync(file.fileno())
            # Named by the content: processes that embed the same sentences, on devices that round differently, write
            # the same file or two files, and never one over the other.
            name = digest.hexdigest()[:32]
            data, index = self._directory / f"{name}.bin", self._directory / f"{name}.json"
            temporary.rename(data)
            header = {"format": FORMAT, "words": words, "shape": self._shape, "crc32": checksum, "sentences": places}
            temporary.write_text(json.dumps(header))
            temporary.rename(index)
        finally:
            temporary.unlink(missing_ok=True)
        return index

    def _open(self, index: Path) -> None:
        data = index.with_suffix(".bin")
        try:
            header = read_json(index, LARGEST_LIST)
            with reading(data):
                segment = self._map(data, header)
        except (FileNotFoundError, ValueError, KeyError, TypeError) as problem:  # not what cannot be read just now
            logger.warning("feature store: %s is damaged (%s); its sentences are embedded again", data, problem)
            index.unlink(missing_ok=True)
            data.unlink(missing_ok=True)
            return
        self._segments[index.stem] = segment
        for key, (start, stop) in header["sentences"].items():
            self._places[key] = _Place(index.stem, start, stop)

    def _map(self, data: Path, header: dict[str, Any]) -> Features:
        if header["format"] != FORMAT or tuple(header["shape"]) != self._shape:
            raise ValueError("it has another format")
        shape = (header["words"], *self._shape)
        expected = int(np.prod(shape)) * 2
        if data.stat().st_size != expected:
            raise ValueError(f"{data.stat().st_size} bytes instead of {expected}")
        checksum = zlib.crc32(json.dumps(header["sentences"]).encode())
        mapped = np.memmap(data, dtype=np.uint8, mode="r") if expected else np.empty(0, dtype=np.uint8)
        for start in range(0, expected, 2**24):
            checksum = zlib.crc32(mapped[start : start + 2**24].data, checksum)
        if checksum != header["crc32"]:
            raise ValueError("its checksum is wrong")
        return mapped.view(np.float16).reshape(shape)


def sentence_key(words: Sequence[str]) -> str:
    """Key of a sentence: a hash of its words."""
    return hashlib.sha256(json.dumps(list(words), ensure_ascii=False).encode(errors="surrogatepass")).hexdigest()[:32]
