"""What docs/adapting.md shows can be typed, in that order."""

from __future__ import annotations

import csv
import json
import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from elmo_xlstm import cli
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.model_directory import read_provenance

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "adapting.md").read_text(encoding="utf-8")
QUICK = {
    "pretrain": ["-o", "training.max_steps=4", "-o", "training.validate_every=2", "-o", "training.compile=false"],
    "finetune": ["-o", "trainer.epochs=1"],
}


def run(arguments: list[str]) -> str:
    """What a command prints."""
    result = CliRunner().invoke(cli.app, arguments)
    if result.exception is not None:
        raise result.exception
    return result.output


@pytest.fixture
def workplace(tmp_path: Path, model_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the commands are typed: files of reviews, and a tiny model in place of the bundled one."""
    for name in ("experiments", "tasks"):
        (tmp_path / name).symlink_to(ROOT / name)
    for name, split in (("reviews", "train"), ("held_out", "test")):
        with open(ROOT / "tasks" / "sample" / "reviews" / f"{split}.csv", encoding="utf-8", newline="") as file:
            lines = [row["sentence"] for row in csv.DictReader(file)]
        (tmp_path / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    monkeypatch.setattr("elmo_xlstm.lm.model_directory.bundled_model", lambda name: model_directory)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_commands_do_what_they_are_said_to(workplace: Path, model_directory: Path) -> None:
    blocks = re.findall(r"^```bash\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
    commands = [shlex.split(line)[2:] for line in "".join(blocks).splitlines()]
    printed = {}
    for arguments in commands:
        assert not (workplace / "runs/adapt").exists() or "--dry-run" not in arguments
        printed[" ".join(arguments)] = run([*arguments, *QUICK.get(arguments[0], [])])
    assert [arguments[0] for arguments in commands] == [
        "pretrain",
        "pretrain",
        "perplexity",
        "finetune",
        "export",
        "finetune",
    ]
    shown = json.loads(next(text for command, text in printed.items() if "--dry-run" in command))
    assert shown["configuration"]["model"]["embedding_dim"] == 16 and shown["corpus"]["training tokens"] > 1000
    metrics = map(json.loads, (workplace / "runs/adapt/metrics.jsonl").read_text().splitlines())
    losses = {line["step"]: line["loss"] for line in metrics if line["kind"] == "validation"}
    assert list(losses) == [0, 2, 4] and losses[4] < losses[0]
    assert read_provenance(workplace / "runs/my_model")["initial_model"]["name"] == "small"
    assert BiXLSTM.from_pretrained(workplace / "runs/my_model").config.softmax == "none"
    results = [json.loads(path.read_text()) for path in workplace.glob("runs/own/results/own_reviews/*/*.json")]
    assert {result["model"] for result in results} == {"adapted-bilm", "exported-bilm"}


def test_links_and_named_experiments_are_there() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", GUIDE):
        assert (ROOT / "docs" / target).exists(), target
