from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from elmo_xlstm.evaluation.results import load_results

ROOT = Path(__file__).parents[1]

OWN_DATASET = """
from typing import Literal
from elmo_xlstm import Settings
from tasks.data import Splits, TaggedSentence, tagging_datasets
from tasks.data.readers import ConllReader

@tagging_datasets.register("made_up")
class MadeUp(Settings):
    type: Literal["made_up"] = "made_up"
    place: str

    def load(self):
        sentence = TaggedSentence(("di", self.place), ("O", "B-LOC"), "made up")
        return Splits((sentence,) * 8, (sentence,), (sentence,), ("O", "B-LOC", "I-LOC"), {})

    def reader(self):
        return ConllReader.Config().build()
"""
OWN_EXPERIMENT = """{
  model: 'x',
  task: {
    type: 'tagging', name: 'own', dataset: { type: 'made_up', place: 'Bogor' },
    head: { words: { dim: 4 }, encoder: { hidden_size: 4 } },
  },
  trainer: { epochs: 1 },
  output: 'run',
}"""
OWN_SCRIPT = """
import sys
import cli
assert "torch" not in sys.modules
for command in (["finetune", "own.jsonnet"], ["evaluate", "run"]):
    sys.argv = ["cli.py", *command, "--include-package", "own_data"]
    try:
        cli.main()
    except SystemExit as end:
        assert not end.code, end
"""


def test_own_data_set(tmp_path) -> None:
    """In a process of its own: a registry is read once, on the first validation."""
    (tmp_path / "own_data.py").write_text(OWN_DATASET)
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
