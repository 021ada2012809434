from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.torch import load_file

from elmo_xlstm.evaluation.results import load_results

ROOT = Path(__file__).parents[1]

OWN_COMPONENTS = """
from typing import Literal
from torch import nn
from elmo_xlstm import Settings
from elmo_xlstm.modules import Encoder, encoders
from elmo_xlstm.tasks.data import Splits, TaggedSentence, tagging_datasets
from elmo_xlstm.tasks.data.readers import ConllReader

@tagging_datasets.register("made_up")
class MadeUp(Settings):
    type: Literal["made_up"] = "made_up"
    place: str

    def load(self):
        sentence = TaggedSentence(("di", self.place), ("O", "B-LOC"), "made up")
        return Splits((sentence,) * 8, (sentence,), (sentence,), ("O", "B-LOC", "I-LOC"), {})

    def reader(self):
        return ConllReader.Config().build()

class Window(Encoder):
    @encoders.register("window")
    class Config(Settings):
        type: Literal["window"] = "window"
        width: int = 3

        def build(self, input_dim):
            return Window(self, input_dim)

    def __init__(self, config, input_dim):
        super().__init__()
        self.output_dim = 5
        self.convolution = nn.Conv1d(input_dim, 5, config.width, padding="same")

    def forward(self, features, mask):
        return self.convolution((features * mask.unsqueeze(-1)).transpose(1, 2)).transpose(1, 2)
"""
OWN_EXPERIMENT = """{
  model: 'x',
  task: {
    type: 'tagging', name: 'own', dataset: { type: 'made_up', place: 'Bogor' },
    head: { words: { dim: 4 }, encoder: { type: 'window', width: 5 } },
  },
  trainer: { epochs: 1 },
  output: 'run',
}"""
OWN_SCRIPT = """
import sys
from elmo_xlstm import cli
assert "torch" not in sys.modules
for command in (["finetune", "own.jsonnet"], ["evaluate", "run"]):
    sys.argv = ["cli.py", *command, "--include-package", "own_data"]
    try:
        cli.main()
    except SystemExit as end:
        assert not end.code, end
"""


def test_own_data_set_and_encoder(tmp_path) -> None:
    """In a process of its own: a registry is read once, on the first validation."""
    (tmp_path / "own_data.py").write_text(OWN_COMPONENTS)
    (tmp_path / "own.jsonnet").write_text(OWN_EXPERIMENT)
    done = subprocess.run(
        [sys.executable, "-c", OWN_SCRIPT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    assert "run: run\n" in done.stdout and '"support": 1' in done.stdout
    (result,) = load_results(tmp_path / "runs" / "results")
    assert result.config["task"]["dataset"] == {"type": "made_up", "place": "Bogor"}
    assert result.config["task"]["head"]["encoder"] == {"type": "window", "width": 5}
    weights = load_file(tmp_path / "run" / "head.safetensors")
    assert weights["text.encoder.convolution.weight"].shape == (5, 4, 5)


LIBRARIES = ("pandas", "seqeval", "tasks", "elmo_xlstm", "torch", "numpy", "json", "own_data")


@pytest.fixture
def hostile_directory(tmp_path: Path) -> Path:
    """Modules that have the names of libraries, and end the process that imports them."""
    for name in LIBRARIES:
        (tmp_path / f"{name}.py").write_text("import os\nos.write(2, b'RAN')\nos._exit(99)\n")
    return tmp_path


def start(command: list[str], directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")} | environment
    reads, writes = os.pipe()  # a run of a suite ends when this does
    try:
        return subprocess.run(
            command, cwd=directory, env=variables, stdin=reads, capture_output=True, text=True, timeout=300
        )
    finally:
        os.close(reads)
        os.close(writes)


def test_modules_of_the_working_directory_do_not_run(hostile_directory: Path) -> None:
    done = start([sys.executable, str(ROOT / "cli.py"), "schema", "finetune"], hostile_directory)
    assert done.returncode == 0 and "RAN" not in done.stderr, done.stderr
    (hostile_directory / "own_data.py").write_text("import pandas, seqeval, json\n")  # still the libraries
    options = ["--include-package", "own_data"]
    done = start([sys.executable, str(ROOT / "cli.py"), "schema", "finetune", *options], hostile_directory)
    assert done.returncode == 0 and "RAN" not in done.stderr, done.stderr


@pytest.mark.parametrize("safe_path", ["", "1"])
def test_nor_in_the_processes_of_a_suite(hostile_directory: Path, safe_path: str) -> None:
    from elmo_xlstm.tasks.suite.running import PACKAGE_ROOT, START

    command = [sys.executable, "-c", START, str(PACKAGE_ROOT), "no run", "python cli.py suite"]
    done = start(command, hostile_directory, PYTHONSAFEPATH=safe_path)
    assert done.returncode == 1 and "no run" in done.stdout and "RAN" not in done.stderr, done.stderr


@pytest.mark.skipif(sys.version_info < (3, 11), reason="Python has no such setting")
def test_nor_in_processes_that_python_starts_itself(monkeypatch: pytest.MonkeyPatch, hostile_directory: Path) -> None:
    from elmo_xlstm import cli

    monkeypatch.setenv("PYTHONSAFEPATH", "")
    monkeypatch.setattr(sys, "argv", ["cli.py", "schema", "nothing"])
    monkeypatch.setattr("elmo_xlstm.command.set_up_logging", lambda: None)
    with pytest.raises(SystemExit):
        cli.main()
    safe = os.environ["PYTHONSAFEPATH"]
    assert start([sys.executable, "-c", "import json"], hostile_directory).returncode == 99
    assert start([sys.executable, "-c", "import json"], hostile_directory, PYTHONSAFEPATH=safe).returncode == 0
