"""What a place says that cannot be written to."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from elmo_xlstm.runs.atomic import write_atomically
from elmo_xlstm.runs.checkpoints import publish_directory
from elmo_xlstm.disk import DiskError, writing
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.text.tokenizer_experiment import TokenizerSettings

PLACES = {
    "a file/x": "not a directory",
    "a file/deep/x": "not a directory",
    "ring/x": "too many levels of symbolic links",
    "x" * 300: "file name too long",
    "/proc/nothing/x": "no such file or directory",
}


def make_file(path: Path) -> None:
    write_atomically(path, b"x")


def make_directory(path: Path) -> None:
    with publish_directory(path):
        pass


def make_run(path: Path) -> None:
    with open_run(path, TokenizerSettings.model_construct()):
        pass


@pytest.mark.parametrize("make", [make_file, make_directory, make_run])
@pytest.mark.parametrize("name", PLACES)
def test_places_that_cannot_be_are_one_message(tmp_path: Path, make: Callable[[Path], None], name: str) -> None:
    (tmp_path / "a file").write_text("what was there")
    (tmp_path / "ring").symlink_to("ring")
    path = tmp_path / name
    with pytest.raises(DiskError, match=rf"^{re.escape(str(path))}: cannot be written: .*choose another place"):
        make(path)
    assert (tmp_path / "a file").read_text() == "what was there"
    assert {path.name for path in tmp_path.iterdir()} == {"a file", "ring"}


@pytest.mark.parametrize(("make", "kind"), [(make_file, "directory"), (make_directory, "file"), (make_run, "file")])
def test_another_kind_of_thing_is_there(tmp_path: Path, make: Callable[[Path], None], kind: str) -> None:
    path = tmp_path / "there"
    path.mkdir() if kind == "directory" else path.write_text("what was there")
    with pytest.raises(DiskError, match="there: cannot be written"):
        make(path)
    assert path.is_dir() if kind == "directory" else path.read_text() == "what was there"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_missing_elsewhere_is_not_blamed_on_what_is_written(tmp_path: Path) -> None:
    """A block that writes may read as well."""
    with pytest.raises(FileNotFoundError), writing(tmp_path / "out" / "x"):
        (tmp_path / "in" / "source.txt").read_text()
