"""What docs/predict.md shows is what happens, with tiny heads in place of those that the package carries."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from elmo_xlstm import cli
from elmo_xlstm.config import validate
from elmo_xlstm.pretrained import CARRIED_HEADS
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.tasks.finetuning import FinetuneSettings, run_finetuning

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "predict.md").read_text(encoding="utf-8")
KINDS = {"sentiment": "classification", "emotion": "classification", "absa": "aspects"}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)


def run(settings: FinetuneSettings) -> Path:
    with open_run(settings.directory, settings):
        run_finetuning(settings, settings.directory, "python cli.py finetune tiny.jsonnet")
    return settings.directory


@pytest.fixture(scope="module")
def heads(ner_experiment, labelled_settings, model_directory, tmp_path_factory) -> Any:
    """A run in place of each carried head; that of named entities names the bundled language model."""
    home = tmp_path_factory.mktemp("heads")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elmo_xlstm.lm.model_directory.bundled_model", lambda name: model_directory)
        values = ner_experiment(home / "ner")
        values["embedder"]["model"] = "small"
        values["trainer"]["epochs"] = 1
        tagger = run(validate(FinetuneSettings, values))
        runs = {kind: run(labelled_settings(kind, home / kind, bilm=False)) for kind in set(KINDS.values())}
        patch.setattr("elmo_xlstm.tasks.loading.carried_head", lambda name: runs.get(KINDS.get(name, ""), tagger))
        yield tagger


@pytest.fixture
def workplace(heads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "hotels.csv").write_text(blocks("csv")[0], encoding="utf-8")
    (tmp_path / "news.txt").write_text(blocks("text")[0], encoding="utf-8")
    (tmp_path / "runs/nerp/frozen-bilm").mkdir(parents=True)
    (tmp_path / "runs/nerp/frozen-bilm/seed-0").symlink_to(heads)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(line: str) -> str:
    """What a command prints; ``< FILE`` at its end is its standard input."""
    program, *arguments = shlex.split(line)
    assert program == "elmo-xlstm"
    kept = os.dup(0)
    try:
        if "<" in arguments:
            os.dup2(os.open(arguments.pop(), os.O_RDONLY), 0)
            arguments.remove("<")
        result = CliRunner().invoke(cli.app, arguments)
    finally:
        os.dup2(kept, 0)
        os.close(kept)
    if result.exception is not None:
        raise result.exception
    return result.output


def test_commands_do_what_they_are_said_to(workplace: Path) -> None:
    lines = "".join(blocks("bash")).splitlines()
    printed = []
    for line in lines:
        if "--resume" in line:  # as an interruption leaves it
            whole = (workplace / "labelled.jsonl").read_bytes()
            (workplace / "again.jsonl.partial").write_bytes(whole[: len(whole) // 2])
        printed.append(call(line))
    assert printed[0] == printed[1]
    assert [json.loads(row)["row"] for row in printed[0].splitlines()] == [1, 3]
    assert printed[4].count("\n\n") == 2 and "# row = 1" in printed[4]
    assert (workplace / "again.jsonl").read_bytes() == (workplace / "labelled.jsonl").read_bytes()
    assert (workplace / "labelled.csv").read_text().splitlines()[0].startswith("row,id,stars,text,label")
    rows = [json.loads(line) for line in (workplace / "aspects.jsonl").read_text().splitlines()]
    assert [(row["id"], row["stars"]) for row in rows] == [("h1", "5"), ("h2", "1"), ("h3", "4")]
    assert all(len(labels) == 1 for row in rows for labels in row["top"].values())
    assert printed[-1].splitlines()[0].startswith('{"row": 1')


def test_python_runs(workplace: Path) -> None:
    (block,) = blocks("python")
    names: dict[str, Any] = {}
    exec(block, names)
    assert names["found"].words and names["aspect"].polarity


def test_all_heads_are_listed_and_links_lead_somewhere() -> None:
    assert all(f"| `{name}` |" in GUIDE for name in CARRIED_HEADS)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target
