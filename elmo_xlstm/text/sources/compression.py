"""Reading plain and compressed files alike."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import zstandard

from elmo_xlstm.errors import UserError

SUFFIXES = (".gz", ".bz2", ".xz", ".zst")
CHUNK_BYTES = 2**17
FRAME_BYTES = 2**12
"""Compressed bytes that are unpacked at once: Zstandard makes up to 32,768 times as many of them."""
UNPACKED_BYTES = 2**26
RATIO = 200
"""A file that unpacks to more than 64 MiB and 200 times its size is no text: text packs 3 to 20 times."""
LINE_BYTES = 2**26
"""A line is held in memory whole."""


def format_suffix(path: Path) -> str:
    """What a file's name ends in, lower-cased, whatever it is compressed by: ``.csv`` of ``a.CSV.gz``."""
    return (path.with_suffix("") if path.suffix in SUFFIXES else path).suffix.lower()


@contextmanager
def open_binary(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for reading, decompressed by its suffix (.gz, .bz2, .xz, .zst).

    Raises:
        UserError: the file cannot be opened, or (while it is read) is damaged or cut off.
    """
    try:
        with _open(path) as file:
            yield file
    except (EOFError, lzma.LZMAError, zlib.error, zstandard.ZstdError, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: is damaged or cut off ({error}); fetch or compress it again") from None
    except OSError as error:
        if path.suffix == ".bz2" and error.errno is None:
            raise UserError(f"{path}: is damaged or cut off ({error}); fetch or compress it again") from None
        raise UserError(f"{path}: cannot be read ({error.strerror or error})") from None


def read_at_most(file: IO[bytes], path: Path) -> bytes:
    """All that a compressed file holds.

    Raises:
        UserError: it unpacks to far more than text does, as files made to fill a memory do.
    """
    limit = max(UNPACKED_BYTES, RATIO * path.stat().st_size)
    content = file.read(limit + 1)
    if len(content) > limit:
        raise UserError(f"{path}: unpacks to more than {limit >> 20} MiB, over {RATIO} times its size; see what it is")
    return content


def read_lines_of(file: IO[bytes], path: Path) -> Iterator[tuple[int, bytes]]:
    r"""Numbered lines without their ends, which are ``\n``, ``\r\n`` or a lone ``\r``.

    Raises:
        UserError: one is longer than 64 MiB.
    """
    number = 0
    while block := file.readline(LINE_BYTES + 1):
        if len(block) > LINE_BYTES:
            raise UserError(f"{path}:{number + 1}: a line of more than {LINE_BYTES >> 20} MiB; break it into lines")
        for line in block.rstrip(b"\r\n").split(b"\r"):
            number += 1
            yield number, line


def _open(path: Path) -> IO[bytes]:
    match path.suffix:
        case ".gz":
            return gzip.open(path, "rb")  # type: ignore[return-value]
        case ".bz2":
            return bz2.open(path, "rb")
        case ".xz":
            return lzma.open(path, "rb")
        case ".zst":
            return io.BufferedReader(_ZstandardFile(path), CHUNK_BYTES)
        case _:
            return open(path, "rb")


class _ZstandardFile(io.RawIOBase):
    """Decompresses all frames of a file; the library's own reader takes a cut-off file for a whole one."""

    def __init__(self, path: Path) -> None:
        self._file = open(path, "rb")
        self._frame: Any = None
        self._compressed = b""
        self._plain = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._plain:
            self._compressed = self._compressed or self._file.read(FRAME_BYTES)
            if not self._compressed:
                if self._frame is not None:
                    raise EOFError("the last frame has no end")
                return 0
            self._frame = self._frame or zstandard.ZstdDecompressor().decompressobj()
            self._plain = memoryview(self._frame.decompress(self._compressed))
            self._compressed = b""
            if self._frame.eof:
                self._compressed, self._frame = self._frame.unused_data, None
        count = min(len(buffer), len(self._plain))
        buffer[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def close(self) -> None:
        self._file.close()
        super().close()
