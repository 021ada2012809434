from __future__ import annotations

import json
import logging
import os
import shutil
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import pytest

from elmo_xlstm.config import Settings, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import HOST
from elmo_xlstm.runs.checksums import write_checksums
from elmo_xlstm.runs.run_directory import CONFIG_FILE, MARKER_FILE, RunSettings, open_run

Content = dict[str, bytes]


class Model(Settings):
    layers: list[int]
    name: str = "é"
    new: int | None = None


class Config(RunSettings):
    kind: ClassVar[str] = "train"
    written: ClassVar[tuple[str, ...]] = ("metrics.jsonl", "steps/step-*", "model")
    seed: int = 0
    model: Model
    task: str | None = None
    output: str = "runs"


class OtherConfig(Config):
    kind: ClassVar[str] = "cook"


MODEL = Model(layers=[1, 2])
CONFIG = Config(model=MODEL)
START = {CONFIG_FILE, MARKER_FILE}


def start(directory: Path, settings: RunSettings = CONFIG, **how: bool) -> None:
    with open_run(directory, settings, **how):
        pass


def write(directory: Path, *names: str) -> None:
    for name in names:
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text("years of work")


def content(directory: Path) -> Content:
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run that is under way."""
    directory = tmp_path / "runs" / "a"
    start(directory)
    write(directory, "model/weights.safetensors", "metrics.jsonl", "steps/step-1/state.json")
    return directory


def make_old(run: Path) -> None:
    """As runs were before they had a marker."""
    (run / MARKER_FILE).unlink()


def refused(directory: Path, settings: RunSettings = CONFIG, **how: bool) -> str:
    """The message; nothing may have changed."""
    before = content(directory)
    with pytest.raises(UserError) as caught:
        start(directory, settings, **how)
    assert content(directory) == before
    assert str(caught.value).startswith(f"{directory}: ")
    return str(caught.value)


def test_a_new_run_stores_its_configuration(tmp_path: Path) -> None:
    start(tmp_path / "deep" / "run")
    stored = (tmp_path / "deep" / "run" / CONFIG_FILE).read_text(encoding="utf-8")
    assert validate(Config, json.loads(stored)) == CONFIG and "é" in stored


def test_an_empty_directory_is_no_run(tmp_path: Path) -> None:
    start(tmp_path)
    assert (tmp_path / CONFIG_FILE).is_file()


def test_a_run_is_not_written_over(run: Path) -> None:
    message = refused(run)
    assert "there is a run already" in message
    assert all(option in message for option in ("--resume", "--force", "--output"))


@pytest.mark.parametrize("old", [True, False])
def test_force_replaces_a_run(run: Path, old: bool) -> None:
    if old:
        make_old(run)
    start(run, Config(model=MODEL, seed=1), force=True)
    assert {path.name for path in run.rglob("*")} == START
    assert json.loads((run / CONFIG_FILE).read_text())["seed"] == 1


def test_force_makes_a_run_where_there_is_none(tmp_path: Path) -> None:
    start(tmp_path / "a", force=True)
    assert (tmp_path / "a" / CONFIG_FILE).is_file()


FOREIGN = {
    "a thesis": {"thesis.tex": "t"},
    "a web project": {CONFIG_FILE: "{}", "thesis.tex": "t"},
    "a configuration alone": {CONFIG_FILE: '{"port": 80}'},
    "a Hugging Face model": {CONFIG_FILE: '{"model_type": "bert"}', "model/model.safetensors": "w"},
    "another project's run": {CONFIG_FILE: '{"seed": 1, "model": {"layers": 3}}', "metrics.jsonl": "m"},
    "another project's marker": {MARKER_FILE: '{"name": "web"}', CONFIG_FILE: "{}", "metrics.jsonl": "m"},
    "damaged files": {MARKER_FILE: "{", CONFIG_FILE: "[" * 100_000},
}


@pytest.mark.parametrize("files", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("options", [{}, {"force": True}, {"resume": True}])
def test_what_looks_like_a_left_over_stays_where_there_is_no_run(
    tmp_path: Path, files: dict[str, str], options: dict[str, bool]
) -> None:
    for name, text in files.items():
        write(tmp_path, name)
        (tmp_path / name).write_text(text)
    write(tmp_path, ".editor.old/settings", "deep/.download.partial/film", ".model.partial/a", ".notes.txt.4000000.tmp")
    refused(tmp_path, **options)


@pytest.mark.parametrize("options", [{}, {"force": True}, {"resume": True}])
def test_a_run_of_another_kind_stays(run: Path, options: dict[str, bool]) -> None:
    assert "run of train, which cook neither continues nor deletes" in refused(run, OtherConfig(model=MODEL), **options)


def test_a_refused_command_deletes_nothing_of_a_run(run: Path) -> None:
    write(run, ".model.partial/a", "steps/.step-2.partial/state.json", f".{CONFIG_FILE}.{HOST}-12.tmp")
    for settings, how in (
        (CONFIG, {}),
        (Config(model=MODEL, seed=1), {"resume": True}),
        (OtherConfig(model=MODEL), {"force": True}),
    ):
        refused(run, settings, **how)


@pytest.mark.parametrize("old", [True, False])
def test_force_leaves_what_others_put_there(run: Path, old: bool, caplog: pytest.LogCaptureFixture) -> None:
    if old:
        make_old(run)
    theirs = {"notes.txt", "deep/.download.partial/film", "steps/notes.md", "model/README.md", ".editor.old/settings"}
    write(run, *theirs)
    (run / "linked").symlink_to(run.parent)
    write_checksums(run / "model", ["weights.safetensors"])
    with caplog.at_level(logging.WARNING):
        start(run, force=True)
    assert set(content(run)) == START | theirs and (run / "linked").is_symlink()
    assert "notes.txt" in caplog.text


def test_force_deletes_what_a_finished_run_lists_and_nothing_outside(run: Path, tmp_path: Path) -> None:
    write(run, "own-head.bin")
    write(tmp_path, "outside.txt")
    write_checksums(run, ["own-head.bin", "../../outside.txt"])
    (run / "steps" / "step-1" / "far").symlink_to(tmp_path)
    start(run, force=True)
    assert "own-head.bin" not in content(run) and (tmp_path / "outside.txt").exists()


def test_left_overs_of_an_accepted_run_are_removed_in_known_places_alone(run: Path) -> None:
    ours = {f".{CONFIG_FILE}.{HOST}-1234.tmp", ".metrics.jsonl.12.tmp", ".model.partial/a", "steps/.step-2.partial/b"}
    theirs = {".editor.old/settings", "deep/.model.partial/film", ".notes.txt.12.tmp", ".model.mine/a"}
    before = set(content(run))
    write(run, *ours, *theirs)
    shutil.move(run / "model", run / ".model.old")  # killed between two renames
    start(run, resume=True)
    assert set(content(run)) == before | theirs


def test_a_start_killed_while_it_wrote_its_first_file_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / f".{MARKER_FILE}.{HOST}-{'0' * 16}.tmp").write_text("{")
    start(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == START


@pytest.mark.parametrize("old", [True, False])
def test_resume_goes_on_with_the_same_configuration(run: Path, old: bool) -> None:
    before = content(run)
    if old:
        make_old(run)
    start(run, resume=True)
    assert content(run) == before


def test_a_moved_run_goes_on_at_its_new_place(run: Path, tmp_path: Path) -> None:
    moved = run.rename(tmp_path / "b")
    start(moved, Config(model=MODEL, output=str(moved)), resume=True)
    assert json.loads((moved / CONFIG_FILE).read_text())["output"] == str(moved)


def test_resume_takes_settings_that_were_added_since_for_their_defaults(run: Path) -> None:
    stored = json.loads((run / CONFIG_FILE).read_text())
    (run / CONFIG_FILE).write_text(json.dumps({key: value for key, value in stored.items() if key != "task"}))
    start(run, resume=True)
    assert "different now: task" in refused(run, Config(model=MODEL, task="x"), resume=True)


def test_resume_with_another_configuration_names_every_difference(run: Path) -> None:
    other = Config(seed=1, model=Model(layers=[1, 3], new=2), task="tagging")
    message = refused(run, other, resume=True)
    assert "different now: seed, model.layers, model.new, task." in message
    assert "--output" in message and "--force" in message


@pytest.mark.parametrize("made", [True, False])
def test_resume_needs_a_run(tmp_path: Path, made: bool) -> None:
    directory = tmp_path / "a"
    if made:
        directory.mkdir()
    assert "no run to resume" in refused(directory, resume=True)
    assert directory.exists() == made


def test_a_start_that_made_nothing_but_its_configuration_may_be_started_again(tmp_path: Path) -> None:
    start(tmp_path)
    start(tmp_path, Config(model=MODEL, seed=1))
    assert json.loads((tmp_path / CONFIG_FILE).read_text())["seed"] == 1


@pytest.mark.parametrize("options", [{}, {"force": True}, {"resume": True}])
def test_nobody_else_opens_a_run_while_it_is_open(tmp_path: Path, options: dict[str, Any]) -> None:
    with open_run(tmp_path, CONFIG, force=True):
        assert "another process is at work on this run" in refused(tmp_path, **options)
    start(tmp_path)


def test_a_child_that_inherits_the_lock_keeps_others_out(tmp_path: Path) -> None:
    with open_run(tmp_path, CONFIG) as lock:
        inherited = os.dup(lock)
    assert "another process is at work" in refused(tmp_path)
    timer = threading.Timer(0.1, os.close, [inherited])
    timer.start()
    began = time.monotonic()
    with open_run(tmp_path, CONFIG, wait=60):
        assert time.monotonic() - began < 50
