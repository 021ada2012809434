"""Local files of texts: found by globs, fingerprinted, read decompressed and line by line."""

from __future__ import annotations

import bz2
import glob
import gzip
import hashlib
import io
import lzma
import os
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from elmo_xlstm.errors import UserError

HASHED_BYTES = 10**9
BUFFER_BYTES = 2**17
UNPACKED_BYTES = 2**26
RATIO = (
    200  # a file that unpacks to more than UNPACKED_BYTES and so many times its size is no text, which packs 3 to 20
)
LINE_BYTES = 2**26  # of a line, which is held in memory whole


def _open_zstd(path: Path, mode: str) -> IO[bytes]:
    """By Arrow's reader; that of the zstandard package takes a file that was cut off for a whole one."""
    import pyarrow  # slow to import

    return io.BufferedReader(pyarrow.input_stream(str(path), compression="zstd"), BUFFER_BYTES)


OPENERS: dict[str, Callable[..., Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open, ".zst": _open_zstd}
SUFFIXES = tuple(OPENERS)


def find_files(patterns: Sequence[str]) -> list[Path]:
    """The files that paths and globs (``*``, ``**``) name, each once, a glob's sorted; UserError if one names none."""
    found: dict[Path, None] = {}
    for pattern in patterns:
        path = Path(pattern).expanduser()
        if path.is_dir():
            raise UserError(f"{path}: is a directory; name its files, for example '{path}/*.txt'")
        matches = [path] if path.is_file() else sorted(map(Path, glob.glob(str(path), recursive=True)))
        files = [match for match in matches if match.is_file()]
        if not files:
            here = "" if path.is_absolute() else f" (looked for in {Path.cwd()})"
            problem = "no file matches" if glob.has_magic(pattern) else "no such file"
            raise UserError(f"{pattern}: {problem}{here}; give paths of text files, or globs such as 'texts/*.txt.xz'")
        found.update(dict.fromkeys(files))
    return list(found)


def fingerprint_files(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Name, size and SHA-256 of each file; of files over 1 GB the time of change instead of the hash."""
    prints = []
    for path in paths:
        status = path.stat()
        entry: dict[str, Any] = {"name": path.name, "bytes": status.st_size}
        if status.st_size > HASHED_BYTES:
            entry["modified_ns"] = status.st_mtime_ns
        else:
            entry["sha256"] = hash_file(path)
        prints.append(entry)
    return prints


def hash_file(path: Path) -> str:
    """The SHA-256 of a file, in hex."""
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(2**20):
                digest.update(chunk)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror or error}); check its permissions") from None
    return digest.hexdigest()


def format_suffix(path: Path) -> str:
    """The lower-cased ending of a file's name without that of its compression: ``.csv`` of ``a.CSV.gz``."""
    return (path.with_suffix("") if path.suffix in SUFFIXES else path).suffix.lower()


@contextmanager
def open_binary(path: Path) -> Iterator[IO[bytes]]:
    """A file for reading, decompressed by its suffix (.gz, .bz2, .xz, .zst); UserError if it is damaged or cut off."""
    try:
        with OPENERS.get(path.suffix, open)(path, "rb") as file:
            yield file
    except (EOFError, lzma.LZMAError, zlib.error, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise UserError(f"{path}: cannot be read ({os.strerror(error.errno)})") from None
        raise UserError(f"{path}: is damaged or cut off ({error}); fetch or compress it again") from None


def read_lines_of(file: IO[bytes], path: Path) -> Iterator[tuple[int, bytes]]:
    r"""Numbered lines without their ends, ``\n``, ``\r\n`` or a lone ``\r``; UserError for one of over 64 MiB."""
    number = 0
    while block := file.readline(LINE_BYTES + 1):
        if len(block) > LINE_BYTES:
            raise UserError(f"{path}:{number + 1}: a line of more than {LINE_BYTES >> 20} MiB; break it into lines")
        for line in block.rstrip(b"\r\n").split(b"\r"):
            number += 1
            yield number, line
