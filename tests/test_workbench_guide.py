"""What docs/workbench.md shows is what happens."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from elmo_xlstm import cli
from elmo_xlstm.config import validate
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.registry import register_tasks

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "workbench.md").read_text(encoding="utf-8")
QUICK = ["-o", "trainer.epochs=1"]


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def workplace(tmp_path: Path, model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("elmo_xlstm.lm.model_directory.bundled_model", lambda name: model_directory)
    monkeypatch.chdir(tmp_path)
    for name in ("ulasan.csv", "entitas.conll"):
        shutil.copy(ROOT / "tests" / "workbench" / "data" / name, tmp_path)
    _, folds, search = blocks("jsonnet")
    # Child processes have the real bundled model, and take seconds to start.
    quick = " + { embedder: null, trainer+: { epochs: 1 }, task+: { dataset+: { folds: 2 } } }"
    (tmp_path / "folds.jsonnet").write_text(folds.rstrip() + quick)
    (tmp_path / "search.jsonnet").write_text(search.rstrip() + " + { trainer+: { epochs: 1 } }")
    (table,) = blocks("csv")
    (tmp_path / "published.csv").write_text(table)
    return tmp_path


def run(arguments: list[str]) -> str:
    result = CliRunner().invoke(cli.app, arguments)
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.mark.slow
def test_commands_do_what_they_are_said_to(workplace: Path) -> None:
    pytest.importorskip("optuna", reason="the extra 'search' is not installed")
    said = {}
    for line in "".join(blocks("bash")).splitlines():
        program, *arguments = shlex.split(line)
        assert program == "elmo-xlstm"
        if arguments[0] == "find-lr":
            arguments += ["--steps", "20"]
        trains = arguments[0] == "finetune" and "--dry-run" not in arguments and "search" not in line
        said[line] = run([*arguments, *(QUICK if trains else ())])
    (shown,) = blocks("text")
    assert said["elmo-xlstm init ulasan.csv"].startswith(shown)
    board = said["elmo-xlstm leaderboard --results runs/results --published published.csv"]
    for row in ("frozen-bilm", "no-bilm", "folds", "frozen-bilm-searched", "a-model-of-others †"):
        assert row in board
    assert (workplace / "runs/ulasan/frozen-bilm/seed-0/errors-valid.html").is_file()
    assert (workplace / "runs/search/ulasan/frozen-bilm/trials.csv").read_text().count("\n") == 3
    assert (workplace / "runs/plots/ulasan-curves.svg").is_file() and (workplace / "runs/rates.svg").is_file()


def test_the_shortest_experiment_is_whole() -> None:
    import _jsonnet

    register_tasks()
    values = json.loads(_jsonnet.evaluate_snippet("guide", blocks("jsonnet")[0]))
    assert validate(FinetuneSettings, values).embedder is not None


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target
