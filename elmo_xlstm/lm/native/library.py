"""The compiled kernels: built once per source, type, compiler and kind of processor, kept in the user's cache.

There are builds for activations in float32 and in bf16, each of which computes 8 or 16 floats at once. The latter takes
AVX-512, and rows whose width is a multiple of 16; the former is for all others.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import write_atomically

OFF = "ELMO_XLSTM_NATIVE"  # "0" in the environment turns the kernels off
OPTIONS = ("-O3", "-march=native", "-fno-math-errno", "-fopenmp", "-std=c++17", "-shared", "-fPIC")
NARROW, WIDE = 8, 16  # floats at once
_SIGNATURES: dict[str, str] = {  # q int64, i int32, u uint32, f float, p pointer
    "elmo_mix_forward": "qqqq" + "p" * 14 + "i",
    "elmo_values": "qqqq" + "p" * 3 + "i",
    "elmo_mix_backward": "qqqq" + "p" * 22 + "i",
    "elmo_decay_forward": "qqqqf" + "p" * 4 + "i",
    "elmo_decay_backward": "qqqqf" + "p" * 7 + "i",
    "elmo_output_forward": "qqqq" + "p" * 8 + "i",
    "elmo_output_backward": "qqqq" + "p" * 15 + "i",
    "elmo_slstm_forward": "qqqqq" + "p" * 8 + "i",
    "elmo_slstm_backward": "qqqq" + "p" * 4 + "i",
    "elmo_carry_queries": "qqqqf" + "p" * 5 + "i",
    "elmo_carry_keys": "qqqq" + "p" * 6 + "i",
    "elmo_carry_queries_backward": "qqqqf" + "p" * 10 + "i",
    "elmo_carry_keys_backward": "qqqq" + "p" * 8 + "i",
    "elmo_add_dropped": "qfuu" + "p" * 3 + "i",
    "elmo_dropped": "qfuu" + "p" * 2 + "i",
}
_LETTERS: dict[str, Any] = {
    "q": ctypes.c_int64,
    "i": ctypes.c_int32,
    "u": ctypes.c_uint32,
    "f": ctypes.c_float,
    "p": ctypes.c_void_p,
}


def library_problem(width: int = WIDE, dtype: torch.dtype = torch.float32) -> str | None:
    """Why there are no compiled kernels here, or ``None`` if there are; compiles them if need be, in some seconds.

    Args:
        width: of the rows that they are to compute.
        dtype: of activations, float32 or bf16.
    """
    if os.environ.get(OFF) == "0":
        return f"{OFF} is 0"
    loaded = _load(lanes(width), dtype)
    return loaded if isinstance(loaded, str) else None


@cache
def lanes(width: int) -> int:
    """How many floats of rows of a width are computed at once here."""
    return WIDE if width % WIDE == 0 and "avx512f" in _processor().split() else NARROW


def call(name: str, *arguments: Tensor | float | None, width: int = WIDE, dtype: torch.dtype = torch.float32) -> None:
    """Call a kernel with torch's number of threads.

    Args:
        name: of the kernel.
        arguments: tensors are on the CPU, of the types and layouts that the source says.
        width: of the rows, a multiple of ``NARROW``; any for those kernels that take rows of any width.
        dtype: of activations.

    Raises:
        UserError: there are no compiled kernels here.
    """
    library = _load(lanes(width), dtype)
    if isinstance(library, str):
        raise UserError(f"no compiled kernels: {library}")
    plain = [argument.data_ptr() if isinstance(argument, Tensor) else argument for argument in arguments]
    getattr(library, name)(*plain, torch.get_num_threads())


@cache
def _load(at_once: int, dtype: torch.dtype) -> ctypes.CDLL | str:
    """The library that computes so many floats at once of activations of a type, or why there is none."""
    if sys.platform == "win32":
        return "kernels are not built on Windows"
    compiler = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
    found = shutil.which(compiler)
    if found is None:
        return f"no C++ compiler ({compiler})"
    sources = {
        file.name: file.read_bytes()
        for file in sorted(resources.files(__package__).joinpath("source").iterdir(), key=lambda file: file.name)
        if file.name.endswith((".h", ".cpp"))
    }
    try:
        options = (*OPTIONS, f"-DELMO_LANES={at_once}", f"-DELMO_BF16={int(dtype == torch.bfloat16)}")
        key, directory = _key(sources, found, options), _directory()
        path = next(filter(_is_whole, directory.glob(f"{key}-*.so")), None)
        library = ctypes.CDLL(str(path or _build(found, options, sources, directory, key)))
    except subprocess.CalledProcessError as error:
        lines = error.stderr.strip().splitlines() or [f"status {error.returncode}"]
        return f"{compiler} cannot compile them: {lines[0]}"
    except (OSError, UserError) as error:
        return str(error)
    for name, signature in _SIGNATURES.items():
        function = getattr(library, name)
        function.argtypes = [_LETTERS[letter] for letter in signature]
        function.restype = None
    return library


def _directory() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "elmo_xlstm" / "kernels"


def _key(sources: dict[str, bytes], compiler: str, options: tuple[str, ...]) -> str:
    """Names what a build depends on: a cache may be shared by machines with other processors."""
    version = subprocess.run([compiler, "--version"], capture_output=True, text=True, check=True).stdout
    files = (part for name, content in sources.items() for part in (name, content.decode()))
    parts = (*files, version, *options, platform.machine(), _processor())
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


@cache
def _processor() -> str:
    """Instruction sets of the processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _is_whole(path: Path) -> bool:
    """Whether a library's content is what its name says; loading one that was cut ends the process."""
    return path.stem.endswith(hashlib.sha256(path.read_bytes()).hexdigest())


def _build(compiler: str, options: tuple[str, ...], sources: dict[str, bytes], directory: Path, key: str) -> Path:
    """Compile and name the library by its content, in place of damaged ones; another process never sees half of it."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        for name, content in sources.items():
            Path(scratch, name).write_bytes(content)
        built = Path(scratch) / "kernels.so"
        units = [str(Path(scratch, name)) for name in sources if name.endswith(".cpp")]
        subprocess.run([compiler, *options, "-o", str(built), *units], capture_output=True, text=True, check=True)
        content = built.read_bytes()
    for path in directory.glob(f"{key}-*.so"):
        if not _is_whole(path):
            path.unlink(missing_ok=True)
    path = directory / f"{key}-{hashlib.sha256(content).hexdigest()}.so"
    write_atomically(path, content)
    return path
