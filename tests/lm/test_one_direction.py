"""A forward language model alone, from training to vectors."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.embedding.export import export_model
from elmo_xlstm.embedding.scalar_mix import ScalarMix
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.configuration import training_flops_per_token
from elmo_xlstm.lm.pretraining import describe_pretraining, run_pretraining
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.scoring import score_files
from elmo_xlstm.runs.run_directory import open_run

SIZES: dict[str, Any] = {"vocab_size": 20, "embedding_dim": 16, "num_blocks": 2, "num_heads": 2, "dropout": 0.0}


def models(**sizes: Any) -> tuple[BiXLSTM, BiXLSTM]:
    """One of two directions, and one that is the forward direction of it."""
    torch.manual_seed(0)
    both, one = (BiXLSTM(BiXLSTMConfig(**SIZES, **sizes, directions=directions)).eval() for directions in (2, 1))
    one.load_state_dict({name: weight for name, weight in both.state_dict().items() if "backward" not in name})
    return both, one


@pytest.mark.parametrize(
    "sizes", [{}, {"softmax": "shared"}, {"softmax": "tied"}, {"softmax_clusters": [5, 12]}], ids=str
)
def test_is_the_forward_direction_of_one_that_has_two(sizes: dict[str, Any]) -> None:
    both, one = models(**sizes)
    ids, mask = torch.randint(1, 20, (3, 9)), torch.arange(9) < torch.tensor([[9], [5], [7]])
    found, expected = one(ids, mask), both(ids, mask)
    assert found.backward_loss is None
    assert torch.equal(found.loss, found.forward_loss) and torch.equal(found.loss, expected.forward_loss)
    encoding = one.encode_layers(ids, mask)
    for mine, theirs in zip(encoding.layers(), both.encode_layers(ids, mask).layers(), strict=True):
        assert torch.equal(mine, theirs[..., :16])
    (last,) = one.encode(ids, mask)
    assert torch.equal(last, encoding.forward[-1])
    with pytest.raises(ValueError, match="padding"):
        one(ids, mask.flip(1))


def test_costs_half() -> None:
    both, one = models()
    assert training_flops_per_token(one.config) * 2 == training_flops_per_token(both.config)
    assert one.config.hidden_size * 2 == both.config.hidden_size
    assert "directions" not in both.config.model_dump() and one.config.model_dump()["directions"] == 1


def test_a_mix_of_one_of_two_directions_is_refused() -> None:
    assert ScalarMix.Config().build(3, 16, 1).output_dim == 16
    with pytest.raises(ConfigError, match="direction"):
        ScalarMix.Config(direction="forward").build(3, 16, 1)


@pytest.mark.slow
def test_a_run_from_text_to_vectors_and_scores(vocabulary_file: Path, text_file: Path, tmp_path: Path) -> None:
    values = {
        "tokenizer": {"name": str(vocabulary_file), "lower_case": True},
        "corpus": {
            "sources": [{"type": "local", "paths": [str(text_file)], "documents": "line"}],
            "cleaning": {"min_characters": 10},
            "validation_fraction": 0.1,
            "workers": 1,
        },
        "corpus_directory": str(tmp_path / "corpus"),
        "model": {"embedding_dim": 16, "num_blocks": 2, "num_heads": 2, "context_length": 16, "directions": 1},
        "optimizer": {"learning_rate": 0.01},
        "schedule": {"warmup_steps": 2},
        "training": {"max_steps": 16, "batch_size": 8, "validate_every": 8, "precision": "fp32", "compile": False},
        "output": str(tmp_path / "run"),
    }
    settings, run = validate(PretrainSettings, values), tmp_path / "run"
    described = describe_pretraining(settings)
    with open_run(run, settings):
        best = run_pretraining(settings, run)
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in logged if line["kind"] == "validation"]
    assert best.loss == losses[1] < losses[0] and best.backward_perplexity is None
    assert best.forward_perplexity == pytest.approx(math.exp(best.loss))
    scores = score_files(run, [text_file])[str(text_file)]
    assert not any(name.startswith("backward") for name in scores.as_dict())

    sentences = [["saya", "pergi", "ke", "pasar"], ["ibu", "pulang"]]
    exported = export_model(run, tmp_path / "exported", sentences, storage="fp32", texts=[text_file])
    assert exported.difference.largest == 0 and exported.scores["text"].loss == pytest.approx(scores.loss)
    embedder = ElmoEmbedder.from_pretrained(tmp_path / "exported")
    (vectors, _), parameters = embedder(sentences), described["parameters"]
    assert vectors.shape == (4, 3, 16) == (4, embedder.num_layers, embedder.dim)
    assert exported.parameters == parameters["token embedding"] + parameters["stacks"]
    changed = embedder([["saya", "pergi", "ke", "pantai"]])[0]
    assert (changed[:3] == vectors[:3]).all() and (changed[3] != vectors[3]).any()  # nothing after a word is read

    going_on = {**values, "initial_model": str(run), "output": str(tmp_path / "more"), "model": {"context_length": 16}}
    del going_on["tokenizer"]
    settings = validate(PretrainSettings, going_on)
    with open_run(tmp_path / "more", settings):
        assert run_pretraining(settings, tmp_path / "more").loss < losses[0]
