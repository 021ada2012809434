"""Model directories of strangers: configuration and weights, with no checksums that would hide all other problems."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.model_directory import read_architecture

LOADED = 200
"""Models that are loaded and embed, which costs more than reading what they say of themselves."""


@pytest.fixture
def copy(model_directory: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(model_directory, tmp_path / "model"))


def test_configurations(fuzz: Any, copy: Path) -> None:
    path = copy / "config.json"
    fuzz(lambda _: read_architecture(copy, BiXLSTM.empty), path, path.read_bytes())


def test_embedding_by_damaged_models(end_well: Any, cases: Any, copy: Path) -> None:
    """What its configuration or the header of its weights says is changed; then the model is to embed."""
    chance, outcomes = random.Random(6), set()
    config, weights = (copy / "config.json").read_bytes(), (copy / "model.safetensors").read_bytes()
    header = 8 + int.from_bytes(weights[:8], "little")
    for number, (name, content) in enumerate(cases(config, count=LOADED)):
        damaged = bytearray(weights)
        for _ in range(number % 2):
            damaged[chance.randrange(header)] = chance.randrange(256)
        (copy / "config.json").write_bytes(config if number % 2 else content)
        (copy / "model.safetensors").write_bytes(damaged)
        embed = lambda _: ElmoEmbedder.from_pretrained(copy, device="cpu")([["Siti", "di"]])  # noqa: E731
        outcomes.add(end_well(embed, copy / "config.json", name))
    assert outcomes == {"result", "error"}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"embedding_dim": "wide"}, "embedding_dim: input should be a valid integer"),
        ({"embedding_dim": 2**20}, "restore both from the same source"),
        ({"num_blocks": 1000}, "restore both from the same source"),
        ({"num_blocks": 10**9}, "num_blocks: input should be less than or equal to 1000"),
        ({"vocab_size": None}, "vocab_size"),
        ({"model_type": "bert"}, "model_type: expected 'bixlstm'"),
        ({"softmax": "tied", "softmax_clusters": [5, 3]}, "must be ascending ranks"),
        ({"num_heads": 3}, "num_heads=3 does not divide the cell's width"),
        ({"backbone": {"type": "mlstn"}}, "backbone: unknown type 'mlstn'; did you mean 'mlstm'?"),
    ],
)
def test_configurations_that_cannot_be(copy: Path, changed: dict[str, Any], said: str) -> None:
    path = copy / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(UserError, match=said):
        ElmoEmbedder.from_pretrained(copy, device="cpu")


def test_keys_that_are_not_known_are_named(copy: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = copy / "config.json"
    read_architecture(copy, BiXLSTM.empty)
    assert not caplog.records
    path.write_text(json.dumps(json.loads(path.read_text()) | {"conv1d_kernel": 3}))
    assert read_architecture(copy, BiXLSTM.empty).conv1d_kernel_size == 4
    assert "config.json: unknown keys, which change nothing: 'conv1d_kernel'" in caplog.text
