"""scripts/gpu_pretraining.py from a corpus to an exported model, at tiny size on a CPU."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from elmo_xlstm.config import validate
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.embedding.export import export_model
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.scoring import score_files
from elmo_xlstm.text import Tokenizer, prepare_corpus

SCRIPT = Path(__file__).parents[1] / "scripts" / "gpu_pretraining.py"
WHERE = [("Siti", "Jakarta"), ("Budi", "Surabaya")]
LINES = [f"{who} tiba di {where} pada pagi hari {n}" for n in range(40) for who, where in WHERE]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gpu_pretraining", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_ranks_survive_their_bytes(script: ModuleType) -> None:
    generator = np.random.default_rng(0)
    uneven = np.minimum(generator.zipf(1.3, 5_000) - 1, 31_999)
    for ranks in (generator.integers(0, 32_000, 5_000), uneven, np.arange(0)):
        assert np.array_equal(script._from_bytes(script._to_bytes(ranks)), ranks)


def test_rates_follow_the_clock(script: ModuleType) -> None:
    assert script._rate(0, 0.0, 10, 0.25) == pytest.approx(0.1)
    assert script._rate(500, 0.5, 10, 0.25) == 1.0
    assert script._rate(900, 0.875, 10, 0.25) == pytest.approx(0.5)
    assert script._rate(999, 1.0, 10, 0.25) == 0.0


def test_from_a_corpus_to_an_exported_model(script: ModuleType, tiny_tokenizer: Tokenizer, tmp_path: Path) -> None:
    tiny_tokenizer.save(tmp_path / "tokenizer")
    (tmp_path / "text.txt").write_text("\n".join(LINES))
    values: dict[str, Any] = {
        "tokenizer": {"name": str(tmp_path / "tokenizer"), "lower_case": False},
        "corpus": {
            "sources": [{"type": "local", "paths": [str(tmp_path / "text.txt")], "documents": "line"}],
            "cleaning": {"min_characters": 5},
            "validation_fraction": 0.1,
            "workers": 1,
        },
        "corpus_directory": str(tmp_path / "corpus"),
        "model": {"embedding_dim": 16, "num_blocks": 2, "num_heads": 4, "dropout": 0.0, "context_length": 8},
        "training": {"max_steps": 1},
    }
    (tmp_path / "recipe.jsonnet").write_text(json.dumps(values))
    settings = validate(PretrainSettings, values)
    assert settings.tokenizer is not None
    corpus = prepare_corpus(settings.corpus, settings.tokenizer.build(), tmp_path / "corpus")

    def run(*arguments: Any) -> None:
        done = CliRunner().invoke(script.app, [str(argument) for argument in arguments], catch_exceptions=False)
        assert done.exit_code == 0, done.output

    packed, result, pretrained = tmp_path / "packed", tmp_path / "result", tmp_path / "run"
    scored = f"text={tmp_path / 'text.txt'}"
    run("pack", corpus.directory, packed, "--tokenizer", tmp_path / "tokenizer", "--text", scored)
    sizes = ("--dim", 16, "--blocks", 2, "--batch", 4, "--length", 8, "--no-compiled", "--warmup", 2)
    run("train", packed, result, "--minutes", 0.05, "--learning-rate", 0.01, *sizes)
    log = [json.loads(line) for line in (result / "log.jsonl").read_text().splitlines()]
    final = next(entry for entry in log if "steps" in entry)
    assert final["steps"] > 2 and final["read"] == final["steps"] * 32
    run("unpack", packed, result, tmp_path / "recipe.jsonnet", pretrained)

    # The same model, whatever carried it: what was measured there is measured here, up to rounding and document ends.
    (score,) = score_files(str(pretrained), [tmp_path / "text.txt"]).values()
    assert abs(score.forward_bits_per_character - final["bits"]["text"][0]) < 0.15
    assert score.forward_bits_per_character < 1  # it has learnt: an untrained one has more than three
    export_model(pretrained, tmp_path / "exported", [["Siti", "tiba"]], "int8")
    [vectors] = ElmoEmbedder.from_pretrained(tmp_path / "exported", device="cpu")([["Siti", "tiba"]])
    assert vectors.shape == (2, 3, 32) and np.isfinite(vectors).all()
