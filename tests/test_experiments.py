from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tasks.tagging  # noqa: F401 (registers the task)
from elmo_xlstm.config import Settings, evaluate_jsonnet, validate
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.text.tokenizer_experiment import TokenizerSettings
from tasks.finetuning import FinetuneSettings

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted((ROOT / "experiments").rglob("*.jsonnet"))
KINDS: dict[str, type[Settings]] = {
    "wordpiece": TokenizerSettings,
    "training": PretrainSettings,
    "task": FinetuneSettings,
}


def load(path: Path) -> Any:
    values = evaluate_jsonnet(path, {"corpus": "somewhere"})
    (kind,) = KINDS.keys() & values.keys()
    return validate(KINDS[kind], values, origin=path.name)


def test_there_are_experiments() -> None:
    names = {path.name for path in EXPERIMENTS}
    assert names >= {"pretrain.jsonnet", "pretrain_cpu.jsonnet", "nerp.jsonnet", "nerp_baseline.jsonnet"}


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_valid(path) -> None:
    settings = load(path)
    assert validate(type(settings), settings.model_dump(mode="json")) == settings  # as a run stores it


def test_the_model_cards_recipe() -> None:
    settings = load(ROOT / "experiments/pretrain.jsonnet")
    assert (settings.tokenizer.name, settings.tokenizer.lower_case) == ("cahya/bert-base-indonesian-522M", False)
    (source,) = settings.corpus.sources
    assert (source.type, source.name, source.config_name) == ("huggingface", "wikimedia/wikipedia", "20231101.id")
    assert settings.corpus.cleaning.min_characters == 50 and settings.corpus.cleaning.strip_markup
    assert settings.model.model_dump() == {
        "embedding_dim": 768,
        "num_blocks": 8,
        "num_heads": 4,
        "proj_factor": 2.0,
        "conv1d_kernel_size": 4,
        "qkv_proj_blocksize": 4,
        "dropout": 0.1,
        "context_length": 256,
        "softmax": "separate",
    }
    assert settings.softmax_loss.type == "full"
    assert (settings.optimizer.learning_rate, settings.optimizer.gradient_clip) == (3e-4, 1.0)
    assert (settings.schedule.warmup_steps, settings.schedule.decay) == (500, "constant")
    training = settings.training
    assert (training.epochs, training.max_steps) == (3, None)
    assert (training.batch_size, training.gradient_accumulation, training.precision) == (16, 2, "auto")


def differences(one: Any, other: Any, path: str = "") -> set[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            found
            for key in one.keys() | other.keys()
            for found in differences(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
        }
    return set() if one == other else {path}


@pytest.mark.parametrize("name", ["nerp", "quickstart_ner"])
def test_baselines_lack_the_language_model_and_nothing_else(name) -> None:
    bilm, baseline = (load(ROOT / f"experiments/{name}{suffix}.jsonnet") for suffix in ("", "_baseline"))
    assert differences(bilm.model_dump(), baseline.model_dump()) == {"model", "embedder", "task.head.mix"}
    assert baseline.embedder is None and baseline.task.head.mix is None


def test_steps_of_the_quick_start_fit_together(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    tokenizer, pretrain, ner = (
        load(ROOT / f"experiments/quickstart_{name}.jsonnet") for name in ("tokenizer", "pretrain", "ner")
    )
    assert pretrain.tokenizer.name == tokenizer.output
    assert pretrain.tokenizer.lower_case == tokenizer.wordpiece.lower_case
    assert ner.embedder.model == pretrain.output
    tokenizer.sources[0].build()  # the text is there
    splits = ner.task.dataset.load()
    assert min(len(splits.train), len(splits.valid), len(splits.test)) > 30


def test_steps_of_the_cpu_recipe_fit_together() -> None:
    tokenizer, pretrain, ner = (
        load(ROOT / f"experiments/{name}.jsonnet") for name in ("tokenizer_cpu", "pretrain_cpu", "nerp")
    )
    assert pretrain.tokenizer.name == tokenizer.output
    assert pretrain.tokenizer.lower_case == tokenizer.wordpiece.lower_case == ner.task.lower_case
    assert pretrain.corpus.sources == tokenizer.sources and pretrain.corpus.cleaning == tokenizer.cleaning
    assert ner.embedder.model == pretrain.output
