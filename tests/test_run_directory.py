from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from elmo_xlstm.atomic import HOST
from elmo_xlstm.errors import UserError
from elmo_xlstm.run_directory import CONFIG_FILE, open_run

CONFIG: dict[str, Any] = {"seed": 0, "model": {"layers": [1, 2], "name": "é"}, "task": None}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that is under way."""
    directory = tmp_path / "runs" / "a"
    open_run(directory, CONFIG)
    (directory / "model").mkdir()
    (directory / "model" / "weights").write_text("w")
    return directory


def refused(directory: Path, config: dict[str, Any] = CONFIG, **how: bool) -> str:
    """The message; nothing may have changed."""
    before = {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}
    with pytest.raises(UserError) as caught:
        open_run(directory, config, **how)
    assert {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()} == before
    assert str(caught.value).startswith(f"{directory}: ")
    return str(caught.value)


def test_a_new_run_stores_its_configuration(tmp_path: Path) -> None:
    open_run(tmp_path / "deep" / "run", CONFIG)
    stored = (tmp_path / "deep" / "run" / CONFIG_FILE).read_text(encoding="utf-8")
    assert json.loads(stored) == CONFIG and "é" in stored


def test_an_empty_directory_is_no_run(tmp_path: Path) -> None:
    open_run(tmp_path, CONFIG)
    assert (tmp_path / CONFIG_FILE).is_file()


def test_a_run_is_not_written_over(run: Path) -> None:
    message = refused(run)
    assert "there is a run already" in message
    assert all(option in message for option in ("--resume", "--force", "--output"))


def test_force_replaces_a_run(run: Path) -> None:
    open_run(run, {"seed": 1}, force=True)
    assert [path.name for path in run.rglob("*")] == [CONFIG_FILE]
    assert json.loads((run / CONFIG_FILE).read_text()) == {"seed": 1}


def test_force_makes_a_run_where_there_is_none(tmp_path: Path) -> None:
    open_run(tmp_path / "a", CONFIG, force=True)
    assert (tmp_path / "a" / CONFIG_FILE).is_file()


def test_force_deletes_nothing_that_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for force in (True, False):
        assert "not empty and no run (config.json is missing); it is not deleted by --force" in refused(
            tmp_path, force=force
        )


@pytest.mark.parametrize("options", [{}, {"force": True}, {"resume": True}])
def test_what_looks_like_a_left_over_stays_where_there_is_no_run(tmp_path: Path, options: dict[str, bool]) -> None:
    """A home directory may be named by mistake."""
    theirs = [tmp_path / ".editor.old" / "settings", tmp_path / "deep" / ".download.partial" / "film"]
    for path in theirs:
        path.parent.mkdir(parents=True)
        path.write_text("years of work")
    (tmp_path / ".notes.txt.4000000.tmp").write_text("years of work")
    refused(tmp_path, **options)


def test_a_start_killed_while_it_wrote_its_configuration_is_cleared_away(tmp_path: Path) -> None:
    gone = subprocess.Popen(["true"])
    gone.wait()
    (tmp_path / f".{CONFIG_FILE}.{HOST}-{gone.pid}.tmp").write_text("{")
    open_run(tmp_path, CONFIG)
    assert [path.name for path in tmp_path.iterdir()] == [CONFIG_FILE]


def test_resume_goes_on_with_the_same_configuration(run: Path) -> None:
    before = sorted(run.rglob("*"))
    open_run(run, json.loads(json.dumps(CONFIG)), resume=True)
    assert sorted(run.rglob("*")) == before and json.loads((run / CONFIG_FILE).read_text()) == CONFIG


def test_resume_with_another_configuration_names_every_difference(run: Path) -> None:
    other = {"seed": 1, "model": {"layers": [1, 3], "name": "é", "new": 2}}
    other["task"] = {"type": "tagging"}  # type: ignore[assignment]
    message = refused(run, other, resume=True)
    assert "different now: seed, model.layers, model.new, task." in message
    assert "--output" in message and "--force" in message


def test_resume_says_what_was_taken_away(run: Path) -> None:
    assert "different now: model" in refused(run, {"seed": 0, "task": None}, resume=True)


@pytest.mark.parametrize("made", [True, False])
def test_resume_needs_a_run(tmp_path: Path, made: bool) -> None:
    directory = tmp_path / "a"
    if made:
        directory.mkdir()
    assert "no run to resume" in refused(directory, resume=True)


def test_a_start_that_made_nothing_but_its_configuration_may_be_started_again(tmp_path: Path) -> None:
    open_run(tmp_path, {"seed": 0})
    open_run(tmp_path, {"seed": 1})
    assert json.loads((tmp_path / CONFIG_FILE).read_text()) == {"seed": 1}
