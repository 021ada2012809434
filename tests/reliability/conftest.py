"""Real small jobs, each in a process of its own that can be killed."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from elmo_xlstm.lm.model_files import save_model
from elmo_xlstm.text import Tokenizer

ROOT = Path(__file__).parents[2]


class Outcome(NamedTuple):
    """How a job ended: exit status, what it said, how many changes of files it made."""

    code: int
    said: str
    changes: int


class Worker:
    """Starts jobs; see ``worker.py``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py"))],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "COLUMNS": "200"},
        )
        assert self._line() == "ready"

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def start(self, directory: Path, *arguments: object, log: str | None = None, **fault: Any) -> int:
        """Begin a job; its process."""
        self._log = Path(log) if log else directory.parent / f"{directory.name}.log"
        job = {"directory": str(directory), "arguments": [*map(str, arguments)], "log": str(self._log), "fault": fault}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        return int(self._line())

    def wait(self) -> Outcome:
        """The end of the job."""
        code, changes = self._line().split()
        return Outcome(int(code), self._log.read_text(errors="replace"), int(changes))

    def run(self, directory: Path, *arguments: object, log: str | None = None, **fault: Any) -> Outcome:
        """A job from begin to end."""
        self.start(directory, *arguments, log=log, **fault)
        return self.wait()

    def run_killed_after(self, seconds: float, directory: Path, *arguments: object) -> Outcome:
        """A job that is killed unless it ends earlier."""
        process = self.start(directory, *arguments)
        time.sleep(seconds)
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return self.wait()

    @staticmethod
    def moments(outcome: Outcome, part: str) -> list[int]:
        """Numbers of the changes of files whose path holds ``part``, in a job that was asked to ``tell`` them."""
        told = re.findall(r"^change (\d+): (.*)$", outcome.said, re.MULTILINE)
        found = [int(number) for number, path in told if part in path]
        assert found, f"nothing was written to {part}"
        return found

    @staticmethod
    def left_overs(directory: Path) -> list[Path]:
        """Temporary files and directories that should not be there when nobody is at work."""
        endings = (".tmp", ".partial", ".old")
        return [path for path in directory.rglob("*") if path.name.startswith(".") and path.suffix in endings]

    @staticmethod
    def contents(directory: Path) -> dict[str, bytes]:
        """All files below a directory."""
        found = (path for path in sorted(directory.rglob("*")) if path.is_file())
        return {str(path.relative_to(directory)): path.read_bytes() for path in found}

    def close(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.close()


SUBJECTS = "saya kamu dia mereka ibu ayah adik kakak guru dokter".split()
PLACES = "pasar sekolah rumah kantor sawah pantai kota desa".split()
PRETRAIN = {
    "tokenizer": {"name": "vocab.txt", "lower_case": True},
    "corpus": {
        "sources": [{"type": "local", "paths": ["text.txt"], "documents": "line"}],
        "cleaning": {"min_characters": 5},
        "validation_fraction": 0.1,
        "workers": 1,
    },
    "corpus_directory": "corpus",
    "model": {"embedding_dim": 8, "num_blocks": 1, "num_heads": 2, "dropout": 0.1, "context_length": 8},
    "softmax_loss": {"type": "sampled", "samples": 10},
    "optimizer": {"learning_rate": 0.01},
    "schedule": {"warmup_steps": 2},
    "training": {"max_steps": 12, "batch_size": 4, "validate_every": 3, "log_every": 3, "precision": "fp32"},
    "output": "run",
}
FINETUNE = {
    "model": "bilm",
    "task": {
        "type": "tagging",
        "name": "tiny",
        "dataset": {"type": "conll", "train": "train.conll", "valid": "valid.conll", "test": "test.conll"},
        "head": {"mix": {}, "words": {"dim": 4, "word_dropout": 0.2}, "encoder": {"hidden_size": 4}, "dropout": 0.2},
    },
    "embedder": {"model": "bilm", "store": "features"},
    "trainer": {"epochs": 3, "batch_size": 8, "learning_rate": 0.03},
    "output": "run",
    "results": "results",
}
SUITE = """local finetune = import 'finetune.jsonnet';
local bare = { output: null, trainer+: { epochs: 2 } };
{
  experiments: [
    finetune + bare,
    finetune + bare + { model: 'no-bilm', embedder: null, task+: { head+: { mix: null } } },
  ],
  seeds: 1,
  output: 'runs',
}"""


@pytest.fixture(scope="session")
def material(tmp_path_factory: pytest.TempPathFactory, make_model: Callable[..., Any]) -> Path:
    """A directory with text, vocabulary, tagged sentences, a language model and experiments."""
    directory = tmp_path_factory.mktemp("material")
    generator = random.Random(0)
    lines = [f"{generator.choice(SUBJECTS)} pergi ke {generator.choice(PLACES)} {n} kali" for n in range(120)]
    (directory / "text.txt").write_text("\n".join(lines) + "\n")
    characters = string.ascii_lowercase + string.digits + "."
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *characters, *(f"##{c}" for c in characters), *SUBJECTS, *PLACES]
    (directory / "vocab.txt").write_text("\n".join(pieces) + "\n")
    for split, count in (("train", 24), ("valid", 6), ("test", 8)):
        rows = (
            f"{generator.choice(SUBJECTS)}\tB-PER\npergi\tO\nke\tO\n{generator.choice(PLACES)}\tB-LOC\n{n}\tO\n\n"
            for n in range(count)
        )
        (directory / f"{split}.conll").write_text("".join(rows))
    tokenizer = Tokenizer.Config(name=str(directory / "vocab.txt"), lower_case=True).build()
    (directory / "bilm").mkdir()
    save_model(make_model(tokenizer, seed=1), tokenizer, directory / "bilm")
    (directory / "pretrain.jsonnet").write_text(json.dumps(PRETRAIN))
    (directory / "finetune.jsonnet").write_text(json.dumps(FINETUNE))
    (directory / "suite.jsonnet").write_text(SUITE)
    return directory


@pytest.fixture(scope="session")
def workplace(material: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes copies of the material."""

    def make() -> Path:
        place = tmp_path_factory.mktemp("work") / "place"
        shutil.copytree(material, place)
        return place

    return make
