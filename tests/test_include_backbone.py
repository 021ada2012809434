"""A backbone of one's own, registered through ``--include-package``: it pretrains, is exported and embeds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]

OWN_BACKBONE = """
from typing import Literal

import torch
from elmo_xlstm.lm.backbones import Backbone, BackboneSettings, backbones


class Layer(torch.nn.Module):
    def __init__(self, config, width):
        super().__init__()
        self.gru = torch.nn.GRU(config.embedding_dim, width, batch_first=True)
        self.project = torch.nn.Linear(width, config.embedding_dim)
        self.dropout = torch.nn.Dropout(config.dropout)

    def forward(self, inputs, state=None):
        hidden, state = self.gru(inputs, state)
        return inputs + self.dropout(self.project(hidden)), state


class GRUs(Backbone):
    def __init__(self, config, width):
        super().__init__()
        self.blocks = torch.nn.ModuleList(Layer(config, width) for _ in range(config.num_blocks))

    def forward(self, inputs):
        return self.step(inputs)[0]

    def step(self, inputs, state=None):
        hidden, outputs, after = inputs, [], []
        for block, before in zip(self.blocks, state or [None] * len(self.blocks)):
            hidden, last = block(hidden, before)
            outputs.append(hidden)
            after.append(last)
        return outputs, after


@backbones.register("gru")
class GRU(BackboneSettings):
    type: Literal["gru"] = "gru"
    width: int = 8

    def build(self, config):
        return GRUs(config, self.width)

    def training_flops(self, config):
        return 6.0 * config.num_blocks * (3 * self.width + self.width + config.embedding_dim) * self.width
"""

SCRIPT = """
import json, sys
from pathlib import Path
from elmo_xlstm import cli

def run(*arguments):
    sys.argv = ["cli.py", *arguments]
    try:
        cli.main()
    except SystemExit as end:
        return end.code or 0

own = ["--include-package", "own_backbone"]
assert run("pretrain", "own.jsonnet", *own) == 0
for override in ("training.kernel=native", "training.kernel=triton", "training.precision=bf16", "model.num_heads=2"):
    assert run("pretrain", "own.jsonnet", "--dry-run", "-o", override, *own) != 0

import torch
from elmo_xlstm import ElmoEmbedder
from elmo_xlstm.embedding.export import export_model
from elmo_xlstm.errors import UserError

export_model(Path("run"), Path("exported"), [["siti", "tiba"]], storage="fp32")
run_embedder, embedder = ElmoEmbedder.from_pretrained("run"), ElmoEmbedder.from_pretrained("exported")
[expected], [vectors] = run_embedder([["siti", "tiba"]]), embedder([["siti", "tiba"]])
assert vectors.shape == (2, 3, 16) and (vectors == expected).all()
assert run_embedder.fingerprint != embedder.fingerprint  # which has no soft-max
stack = embedder.model.forward_stack
assert type(stack).__name__ == "GRUs"
going_on = ["-o", "initial_model=exported", "-o", "output=going_on", "-o", "training.validate_every=4", *own]
assert run("pretrain", "own.jsonnet", "-o", 'model={"context_length": 8}', *going_on) == 0
assert json.loads(Path("going_on/config.json").read_text())["model"]["backbone"] == {"type": "gru", "width": 4}
begun = ElmoEmbedder.from_pretrained("going_on/checkpoints/step-00000000/model").model
assert all(torch.equal(weight, begun.state_dict()[name]) for name, weight in embedder.model.state_dict().items())
for model in ('{"backbone": {"type": "gru"}}', '{"backbone": {"type": "mlstm"}}', '{"num_heads": 2}'):
    assert run("pretrain", "own.jsonnet", "--dry-run", "-o", f"model={model}", *going_on) != 0
inputs = torch.randn(2, 5, 8)
first, state = stack.step(inputs[:, :3])
rest, _ = stack.step(inputs[:, 3:], state)
torch.testing.assert_close(torch.cat([first[-1], rest[-1]], 1), stack(inputs)[-1])
for precision in ("bf16", "int8"):
    try:
        ElmoEmbedder.from_pretrained("exported", precision=precision)
    except UserError as error:
        print(error, file=sys.stderr)
    else:
        raise AssertionError(precision)
"""


def test_own_backbone(tmp_path: Path) -> None:
    """In a process of its own: a registry is read once, on the first validation."""
    words = ["siti", "budi", "tiba", "di", "rumah"]
    (tmp_path / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words, *"0123456789"]))
    (tmp_path / "text.txt").write_text("".join(f"{' '.join(words)} {n % 10} {n // 10 % 10}\n" for n in range(100)))
    experiment = {
        "tokenizer": {"name": "vocab.txt", "lower_case": True},
        "corpus": {
            "sources": [{"type": "local", "paths": ["text.txt"], "documents": "line"}],
            "cleaning": {"min_characters": 5},
            "validation_fraction": 0.2,
            "workers": 1,
        },
        "corpus_directory": "corpus",
        "model": {"embedding_dim": 8, "num_blocks": 2, "context_length": 8, "backbone": {"type": "gru", "width": 4}},
        "optimizer": {"learning_rate": 0.05},
        "training": {"max_steps": 4, "batch_size": 4, "validate_every": 2, "activation_checkpointing": True},
        "output": "run",
    }
    (tmp_path / "own.jsonnet").write_text(json.dumps(experiment))
    (tmp_path / "own_backbone.py").write_text(OWN_BACKBONE)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    for message in (
        'training.kernel: "native" cannot be used: the backbone "gru" has no such kernels',
        'training.kernel: "triton" cannot be used: the backbone "gru" has no such kernels',
        'training.precision: "bf16" cannot be used: the backbone "gru" computes in fp32 only',
        "model: num_heads: of the mLSTM, and not of the backbone 'gru'; leave it out",
        "model.backbone: is {'type': 'gru', 'width': 4} in the initial model (got {'type': 'gru', 'width': 8})",
        "model.backbone: is {'type': 'gru', 'width': 4} in the initial model (got 'mlstm')",
        "model.num_heads: is None in the initial model (got 2)",
        'embedder.precision: "bf16" cannot be used: the backbone "gru" computes in fp32 only',
        'embedder.precision: "int8" cannot be used: the backbone "gru" computes in fp32 only',
    ):
        assert message in done.stderr
    config = json.loads((tmp_path / "exported" / "config.json").read_text())
    assert config["backbone"] == {"type": "gru", "width": 4} and "num_heads" not in config
