from __future__ import annotations

import errno
import json
import math
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import write_atomically
from elmo_xlstm.runs.directories import publish_directory
from elmo_xlstm.runs.files import (
    DiskError,
    UnreadableError,
    check_directory,
    check_file,
    read_file,
    read_json,
    reading,
    to_json,
    writing,
)
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.text.tokenizer_training import TokenizerSettings


def test_a_plain_file_and_a_link_to_its_neighbour(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.json").write_text('{"a": [1, 2.5, null]}')
    (tmp_path / "b.json").symlink_to("a.json")
    monkeypatch.chdir(tmp_path)
    for path in (tmp_path / "a.json", tmp_path / "b.json", Path("a.json")):
        assert read_json(path) == {"a": [1, 2.5, None]}
    assert read_file(Path("a.json"), largest=21) == (tmp_path / "a.json").read_bytes()
    check_directory(tmp_path)


def test_a_directory_that_is_a_link_is_the_users_choice(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to("real")
    assert read_file(tmp_path / "link" / "a") == b"x"


def test_the_hubs_cache(tmp_path: Path) -> None:
    """Its snapshots are links to files beside them, and may not lead further."""
    snapshot = tmp_path / "models--a" / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    for place in (tmp_path / "models--a" / "blobs", tmp_path / "elsewhere"):
        place.mkdir()
        (place / "x").write_bytes(b"x")
    (snapshot / "x").symlink_to("../../blobs/x")
    assert read_file(snapshot / "x") == b"x"
    (snapshot / "y").symlink_to("../../../elsewhere/x")
    with pytest.raises(ValueError, match="a link that leads out"):
        check_file(snapshot / "y")


def make(directory: Path, kind: str) -> Path:
    path = directory / "inner" / "f"
    path.parent.mkdir()
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "large":
            with open(path, "wb") as file:
                file.truncate(2**40)
        case "link":
            (directory / "secret").write_text("{}")
            path.symlink_to("../secret")
        case "directory":
            path.mkdir()
    return path


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("fifo", "no regular file"),
        ("device", "no regular file"),
        ("directory", "no regular file"),
        ("large", "1,099,511,627,776 bytes, more than the 67,108,864"),
        ("link", "is a link that leads out of"),
    ],
)
def test_what_is_not_read(tmp_path: Path, kind: str, said: str) -> None:
    path = make(tmp_path, kind)
    for read in (read_file, read_json):
        with pytest.raises(ValueError, match=said):
            read(path)
    if kind in ("fifo", "device", "link"):
        with pytest.raises(UserError, match=said):
            check_directory(path.parent)


def test_within(tmp_path: Path) -> None:
    path = make(tmp_path, "link")
    assert read_json(path, within=tmp_path) == {}


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000 + "]" * 100_000, "[" * 200 + "]" * 200, f"{10**400}", "9" * 5000, "{", ""],
)
def test_json_that_is_none_of_ours(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text)
    with pytest.raises(ValueError):
        read_json(tmp_path / "a")


def test_missing_unreadable_and_whole_are_told_apart(tmp_path: Path, no_more_files: Callable[[], Any]) -> None:
    (tmp_path / "a").write_text("{}")
    (tmp_path / "ring").symlink_to("ring")
    for name in ("none", "a/b", "ring", "x" * 300):
        with pytest.raises(OSError):
            read_json(tmp_path / name)
    with no_more_files(), pytest.raises(UnreadableError, match="too many open files.*nothing was changed"):
        read_json(tmp_path / "a")
    with pytest.raises(UnreadableError, match="input/output error"), reading(tmp_path / "a"):
        raise OSError(errno.EIO, "bad disk")


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


def test_what_is_no_number_is_null_at_every_depth() -> None:
    values = {"a": math.nan, "b": [1.5, -math.inf, {"c": (math.inf, "é", None, True, 3)}]}
    text = to_json(values)
    assert json.loads(text, parse_constant=lambda _: 1 / 0) == {
        "a": None,
        "b": [1.5, None, {"c": [None, "é", None, True, 3]}],
    }
    assert math.isnan(values["a"])  # type: ignore[arg-type]
