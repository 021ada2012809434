"""Commands given what they cannot use: each ends in one message, none in a traceback or a report of a bug."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elmo_xlstm import cli

ROOT = Path(__file__).parents[1]
NOT_UTF8 = os.fsdecode(b"na\xffme")
EXPERIMENT = {
    "model": "x",
    "task": {
        "type": "tagging",
        "name": "t",
        "dataset": {"type": "conll", "train": "a.conll", "valid": "a.conll", "test": "a.conll"},
        "head": {"words": {"dim": 4}, "encoder": {"hidden_size": 4}},
    },
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with things of the wrong kind."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ft.jsonnet").write_text(json.dumps(EXPERIMENT))
    (tmp_path / "none.jsonnet").write_text("{ experiments: [] }")
    (tmp_path / "empty.jsonnet").write_text("")
    (tmp_path / "file").write_text("what was there")
    (tmp_path / "bytes").write_bytes(bytes(range(256)))
    (tmp_path / "ring").symlink_to("ring")
    (tmp_path / "results" / "smsa" / "m" / "seed-0.json").mkdir(parents=True)
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


ODD = [
    (["finetune", "nothing.jsonnet"], "no such file"),
    (["finetune", "."], "no such file"),
    (["finetune", "ring"], "no such file"),
    (["finetune", "pipe"], "no such file"),
    (["finetune", "/dev/zero"], "no such file"),
    (["finetune", "bytes"], "not UTF-8"),
    (["finetune", "empty.jsonnet"], "unexpected end of file"),
    (["finetune", NOT_UTF8], "na\\udcffme: is not UTF-8"),
    (["finetune", "ft.jsonnet", "--output", NOT_UTF8], "na\\udcffme: is not UTF-8"),
    (["finetune", "ft.jsonnet", "--output", "file"], "file: cannot be written: file exists"),
    (["finetune", "ft.jsonnet", "--output", "file/run"], "file/run: cannot be written: not a directory"),
    (["finetune", "ft.jsonnet", "--output", "o" * 300], "cannot be written: file name too long"),
    (["finetune", "ft.jsonnet", "--output", "."], "not empty and no run"),
    (["finetune", "ft.jsonnet", "--output", ".", "--force"], "not empty and no run"),
    (["finetune", "ft.jsonnet", "--output", "results", "--resume"], "no run to resume"),
    (["finetune", "ft.jsonnet", "-o", "trainer.epochs=three"], "trainer.epochs: input should be a valid integer"),
    (["finetune", "ft.jsonnet", "-o", "task=3"], "task: input should be a valid dictionary"),
    (["finetune", "ft.jsonnet", "-o", "="], "-o =: expected dotted.key=value"),
    (["finetune", "ft.jsonnet", "--dry-run"], "a.conll: no such file"),
    (["finetune", "ft.jsonnet", "--dry-run", "-o", "task.dataset.train=ring"], "ring"),
    (["finetune", "ft.jsonnet", "--dry-run", "-o", "task.dataset.train=results"], "results"),
    (["pretrain", "ft.jsonnet"], "unknown key"),
    (["suite", "none.jsonnet"], "experiments"),
    (["evaluate", "file"], "no run there"),
    (["evaluate", "results"], "no run there"),
    (["predict", "nowhere", "file"], "no run there"),
    (["perplexity", "results", "file"], "no pretrained model there"),
    (["export", "file", "out"], "file"),
    (["check", "file"], "no pretrained model there"),
    (["leaderboard", "--results", "file"], "no such directory"),
    (["leaderboard", "--results", "results"], "seed-0.json"),
    (["overlap", "ft.jsonnet"], "unknown key"),
    (["schema", "nothing"], "no kind of experiment"),
]


@pytest.mark.parametrize(("arguments", "said"), ODD, ids=lambda value: ascii(value)[:40])
def test_one_message(place: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: str) -> None:
    monkeypatch.setattr(sys, "argv", ["cli.py", *arguments])
    monkeypatch.setattr(sys, "path", list(sys.path))
    errors = io.StringIO()
    with contextlib.redirect_stderr(errors), pytest.raises(SystemExit) as ended:
        cli.main()
    message = errors.getvalue()
    assert ended.value.code == 1 and message.count("error: ") == 1, message
    assert said in message and "Traceback" not in message
    assert (place / "file").read_text() == "what was there"


def test_output_that_nobody_reads(tmp_path: Path) -> None:
    """As with ``| head -1``: no message, and no traceback at the interpreter's end."""
    command = f"{sys.executable} {ROOT / 'cli.py'} schema suite | head -c 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.stdout == "{" and done.stderr == ""
