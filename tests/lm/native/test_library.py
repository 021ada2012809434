from __future__ import annotations

import ctypes
import hashlib
import shutil
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from elmo_xlstm.lm.native import library, library_problem

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="kernels are not built on Windows")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """An empty cache, and nothing loaded in this process."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    forget()
    yield
    forget()


def forget() -> None:
    library._load.cache_clear()
    library.lanes.cache_clear()


def fake_compiler(path: Path, body: str) -> Path:
    path.write_text(f'#!/bin/sh\n[ "$1" = --version ] && {{ echo fake 1.0; exit 0; }}\n{body}\n')
    path.chmod(stat.S_IRWXU)
    return path


def test_can_be_turned_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMO_XLSTM_NATIVE", "0")
    assert library_problem() == "ELMO_XLSTM_NATIVE is 0"


def test_without_a_compiler_the_reason_is_given(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    assert library_problem() == f"no C++ compiler ({tmp_path / 'none'})"


def test_a_failing_compiler_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = fake_compiler(tmp_path / "cc", "echo 'error: no such option' >&2; exit 1")
    monkeypatch.setenv("CXX", str(compiler))
    assert library_problem() == f"{compiler} cannot compile them: error: no such option"
    assert not list((tmp_path / "cache").rglob("*.so"))


def test_a_cache_that_cannot_be_written_is_no_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a directory should be")
    monkeypatch.setenv("CXX", str(fake_compiler(tmp_path / "cc", "exit 0")))
    problem = library_problem()
    assert problem is not None and "cache" in problem


def test_what_was_built_is_found_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    counter = tmp_path / "calls"
    # Stands for a compiler: writes its last argument but two, the output, and counts.
    compiler = fake_compiler(
        tmp_path / "cc",
        f'echo x >> {counter}\nwhile [ "$1" != -o ]; do shift; done\necho built > "$2"',
    )
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setattr(library.ctypes, "CDLL", lambda path: _Library(Path(path)))
    for _ in range(2):
        assert library_problem() is None
        forget()
    assert counter.read_text().count("x") == 1
    assert len(list((tmp_path / "cache").rglob("*"))) == 3  # two directories and the library, nothing half-built


def test_sixteen_floats_at_once_take_the_processor_and_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_processor", lambda: "flags : fpu avx2 avx512f")
    assert [library.lanes(width) for width in (384, 24, 8)] == [16, 8, 8]
    forget()
    monkeypatch.setattr(library, "_processor", lambda: "flags : fpu avx2")
    assert library.lanes(384) == 8


class _Library:
    def __init__(self, path: Path) -> None:
        assert path.read_text() == "built\n"

    def __getattr__(self, name: str) -> ctypes._SimpleCData[int]:
        function = type("Function", (), {})()
        self.__dict__[name] = function
        return function


def test_a_damaged_library_is_built_anew(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Loading one that was cut would end this process."""
    compiler = fake_compiler(tmp_path / "cc", 'while [ "$1" != -o ]; do shift; done\necho built > "$2"')
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setattr(library.ctypes, "CDLL", lambda path: _Library(Path(path)))
    assert library_problem() is None
    (built,) = (tmp_path / "cache").rglob("*.so")
    for content in (b"", b"bui", b"BUILT\n"):
        built.write_bytes(content)
        forget()
        assert library_problem() is None
        assert list((tmp_path / "cache").rglob("*.so")) == [built] and built.read_bytes() == b"built\n"


def test_a_library_that_cannot_be_read_just_now_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = fake_compiler(tmp_path / "cc", 'while [ "$1" != -o ]; do shift; done\necho built > "$2"')
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setattr(library.ctypes, "CDLL", lambda path: _Library(Path(path)))
    assert library_problem() is None
    forget()

    def refuse(_: Path) -> bool:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(library, "_is_whole", refuse)
    assert library_problem() == "[Errno 24] Too many open files"
    assert len(list((tmp_path / "cache").rglob("*.so"))) == 1


@pytest.mark.skipif(shutil.which("g++") is None, reason="no compiler")
def test_a_real_library_cut_in_half_is_built_anew(tmp_path: Path) -> None:
    assert library_problem() is None
    (built,) = (tmp_path / "cache").rglob("*.so")
    whole = built.read_bytes()
    built.unlink()  # the one that is loaded must stay as it is
    built.write_bytes(whole[: len(whole) // 2])
    forget()
    assert library_problem() is None
    (again,) = (tmp_path / "cache").rglob("*.so")
    assert again.stem.endswith(hashlib.sha256(again.read_bytes()).hexdigest())
