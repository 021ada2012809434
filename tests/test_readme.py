"""What the README says can be typed, can be typed."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from elmo_xlstm import cli
from elmo_xlstm.config import load_experiment
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.registry import register_tasks

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(text: str) -> list[list[str]]:
    """The arguments of every ``python cli.py`` line."""
    lines = re.findall(r"^\s*python cli\.py (.+)$", text, flags=re.MULTILINE)
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("arguments", commands(README), ids=" ".join)
def test_commands_parse_and_their_experiments_exist(arguments: list[str]) -> None:
    command = get_command(cli.app).commands[arguments[0]]  # type: ignore[attr-defined]
    command.make_context(arguments[0], arguments[1:])  # raises for unknown options and missing arguments
    for name in arguments[1:]:
        if name.startswith("experiments/"):
            assert (ROOT / name).is_file()


def test_the_experiment_of_ones_own_data_is_valid(tmp_path: Path) -> None:
    (block,) = re.findall(r"^```jsonnet\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    (tmp_path / "mine.jsonnet").write_text(block, encoding="utf-8")
    register_tasks()
    settings = load_experiment(FinetuneSettings, tmp_path / "mine.jsonnet")
    assert settings.task.dataset.type == "conll"


def test_python_runs() -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    embedder = names["embedder"]
    assert names["vectors"].shape == (1, embedder.dim)
    assert names["layers"].shape == (4, embedder.num_layers, embedder.dim)


def test_scripts_and_links_exist() -> None:
    for name in re.findall(r"^bash (\S+)", README, flags=re.MULTILINE):
        assert (ROOT / name).is_file()
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_rows_of_the_results_stand_in_the_leaderboard() -> None:
    section = README.partition("## Results")[2].partition("\n## ")[0]
    rows = re.findall(r"^\|.*\|$", section, flags=re.MULTILINE)
    board = (ROOT / "results" / "leaderboard.md").read_text(encoding="utf-8").splitlines()
    assert rows
    assert [row for row in rows if row not in board] == []


def test_the_quick_start_ends_with_a_leaderboard(tmp_path: Path) -> None:
    for name in ("experiments", "tasks"):
        (tmp_path / name).symlink_to(ROOT / name)
    script = (ROOT / "scripts" / "quickstart.sh").read_text(encoding="utf-8")
    steps = commands(script.partition("set -x")[2].partition("set +x")[0])
    assert [step[0] for step in steps] == ["finetune", "finetune", "tokenizer", "pretrain", "finetune", "leaderboard"]
    for step in steps:
        done = subprocess.run(
            [sys.executable, ROOT / "cli.py", *step], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in ("frozen-bilm", "own-bilm", "no-bilm"))
