"""What docs/own-data.md shows is what happens."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from elmo_xlstm import cli
from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.registry import register_tasks

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)


def commands() -> list[list[str]]:
    lines = "".join(blocks("bash")).splitlines()
    assert all(line.startswith("python cli.py ") for line in lines)
    return [shlex.split(line)[2:] for line in lines]


def run(arguments: list[str]) -> str:
    """What a command prints."""
    result = CliRunner().invoke(cli.app, arguments)
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture
def workplace(tmp_path: Path, model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands are typed: the repository's files, and a tiny model in place of the bundled one."""
    for name in ("experiments", "tasks"):
        (tmp_path / name).symlink_to(ROOT / name)
    monkeypatch.setattr("elmo_xlstm.lm.model_directory.bundled_model", lambda name: model_directory)
    (bad,) = blocks("csv")
    (tmp_path / "bad.csv").write_text(bad, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands_do_what_they_are_said_to(workplace: Path) -> None:
    printed = []
    for arguments in commands():
        quick = ["-o", "trainer.epochs=1"] if arguments[0] == "finetune" else []
        if "task.dataset.train=bad.csv" in arguments:
            with pytest.raises(UserError) as caught:
                run([*arguments, *quick])
            (expected,) = blocks("text")
            assert f"error: {caught.value}\n" == expected
            sizes = json.loads(run([*arguments, "-o", "task.dataset.on_bad_row=skip"]))
            assert sizes["skipped"] == {"bad.csv": 4} and sizes["sentences"]["train"] == 1
        else:
            printed.append(run([*arguments, *quick]))
    board = next(text for text in printed if "no-bilm" in text and "frozen-bilm" in text)
    assert "own_ner" in board
    results = sorted(str(path.relative_to(workplace)) for path in workplace.glob("runs/own/results/*/*/*.json"))
    assert [path.split("/")[3:5] for path in results] == [
        ["own_ner", "frozen-bilm"],
        ["own_ner", "no-bilm"],
        ["own_reviews", "frozen-bilm"],
    ]
    tagged, judged = (
        [json.loads(line) for line in (workplace / f"runs/{name}/predictions.jsonl").read_text().splitlines()]
        for name in ("own_ner", "own_reviews")
    )
    assert len(tagged) == len(judged) > 100
    assert all(len(row["words"]) == len(row["tags"]) for row in tagged)
    assert set(judged[0]["labels"]) == {"room", "service", "location", "food", "price"}


@pytest.mark.parametrize("block", blocks("jsonnet"), ids=range(len(blocks("jsonnet"))))
def test_settings_are_valid(block: str) -> None:
    import _jsonnet

    register_tasks()
    task: dict[str, Any] = json.loads(_jsonnet.evaluate_snippet("guide", block))
    task = {"name": "own", "head": {"words": {}}, **task}
    assert validate(FinetuneSettings, {"model": "x", "task": task}).task.dataset.on_bad_row == "refuse"


@pytest.mark.parametrize("name", ["ner", "reviews"])
def test_the_patterns_are_those_of_the_experiments(name: str) -> None:
    import _jsonnet

    experiment = json.loads(_jsonnet.evaluate_file(str(ROOT / "experiments" / f"own_{name}.jsonnet")))["task"]
    shown = [json.loads(_jsonnet.evaluate_snippet("guide", block)) for block in blocks("jsonnet")]
    (pattern,) = (task for task in shown if f"tasks/sample/{name}" in str(task["dataset"]))
    assert pattern["dataset"].items() <= experiment["dataset"].items() and pattern["type"] == experiment["type"]


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target
