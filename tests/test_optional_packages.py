"""Nothing that users run by default imports packages that may be missing or fail to import."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

SCRIPT = """
import json, sys
from importlib.abc import MetaPathFinder
from pathlib import Path

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("xlstm", "mlstm_kernels"):
            raise OSError("CUDA_HOME environment variable is not set")  # as importing xlstm does beside a GPU

sys.meta_path.insert(0, Refuse())
import elmo_xlstm
from elmo_xlstm.config import validate
from elmo_xlstm.lm.pretraining import run_pretraining
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm import cli; import elmo_xlstm.tasks.registry

settings = validate(PretrainSettings, json.loads(sys.argv[1]))
run = Path(settings.output)
with open_run(run, settings):
    run_pretraining(settings, run)
[layers] = elmo_xlstm.ElmoEmbedder.from_pretrained(run, device="cpu")([["siti", "pergi"]])
assert layers.shape == (2, 2, 32), layers.shape
print("done")
"""


def test_import_pretraining_and_embedding_without_xlstm(tmp_path: Path) -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *letters, *(f"##{letter}" for letter in letters), "siti", "pergi"]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces) + "\n")
    lines = [f"siti pergi ke {a}{b} dan {b}{a} lalu pulang" for a in letters[:12] for b in letters[:12]]
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n")
    settings = {
        "tokenizer": {"name": str(tmp_path / "vocab.txt"), "lower_case": True},
        "corpus": {
            "sources": [{"type": "local", "paths": [str(tmp_path / "text.txt")], "documents": "line"}],
            "cleaning": {"min_characters": 10},
            "validation_fraction": 0.1,
            "workers": 1,
        },
        "corpus_directory": str(tmp_path / "corpus"),
        "model": {"embedding_dim": 16, "num_blocks": 1, "num_heads": 2, "context_length": 16},
        "training": {"max_steps": 1, "batch_size": 2},
        "output": str(tmp_path / "run"),
    }
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, json.dumps(settings)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("done\n"), done.stderr
