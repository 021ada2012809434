from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import pytest

from elmo_xlstm.config import Settings, evaluate_jsonnet, validate
from elmo_xlstm.evaluation.leaderboard.board import family
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.recipes.measuring import changes
from elmo_xlstm.lm.recipes.series import SeriesSettings
from elmo_xlstm.modules import TagScheme
from elmo_xlstm.synthetic.grid import SyntheticSettings
from elmo_xlstm.tasks.data.absa_e2e import LABELS
from elmo_xlstm.tasks.data.indonlu import DATASETS
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.registry import register_tasks
from elmo_xlstm.tasks.suite.settings import SuiteSettings
from elmo_xlstm.text.tokenizer_training import TokenizerSettings

ROOT = Path(__file__).parents[1]
EXPERIMENTS = sorted((ROOT / "experiments").rglob("*.jsonnet"))
KINDS: dict[str, type[Settings]] = {
    "wordpiece": TokenizerSettings,
    "training": PretrainSettings,
    "task": FinetuneSettings,
    "experiments": SuiteSettings,
    "recipes": SeriesSettings,
    "synthetic": SyntheticSettings,
}
LABELLED = ["smsa", "emot", "casa", "hoasa", "wrete"]
TAGGING = ["nerp", "nergrit", "posp", "bapos", "terma", "keps", "facqa"]

register_tasks()


@functools.cache
def load(path: Path) -> Any:
    variables = {"corpus": "somewhere", "exclude": "evaluation.txt", "text": "one.txt,more/*.txt"}
    values = evaluate_jsonnet(path, variables, [ROOT / "experiments/release"])  # whose text the recipes take
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


def test_the_benchmarks_suite() -> None:
    suite = load(ROOT / "experiments/indonlu.jsonnet")
    rows: dict[str, set[str]] = {}
    for experiment in suite.experiments:
        rows.setdefault(experiment.task.name, set()).add(experiment.model)
    assert rows and all(models == {"frozen-bilm", "no-bilm"} for models in rows.values())


def test_ablations_change_what_they_are_named_for_and_nothing_else() -> None:
    changes = {
        "frozen-bilm": set(),
        "forward-only": {"task.head.mix.direction"},
        "backward-only": {"task.head.mix.direction"},
        "top-layer": {"task.head.mix.layers"},
        "token-layer": {"task.head.mix.layers"},
        "plain-mean": {"task.head.mix.trainable"},
        "random-bilm": {"embedder.weights"},
    }
    suite = load(ROOT / "experiments/ablations.jsonnet")
    whole = {e.task.name: e.model_dump() for e in suite.experiments if e.model == "frozen-bilm"}
    seen = set()
    for experiment in suite.experiments:
        name = (experiment.task.name, experiment.model)
        assert differences(whole[name[0]], experiment.model_dump()) - {"model"} == changes[name[1]], name
        seen.add(name)
    assert seen == {(task, model) for task in whole for model in changes}


def test_shares_of_the_data_change_the_share_and_the_epochs_and_nothing_else() -> None:
    suite = load(ROOT / "experiments/data_efficiency.jsonnet")
    whole = {
        (e.task.name, e.model): e
        for e in load(ROOT / "experiments/indonlu.jsonnet").experiments  # all data: the curve's last point
    }
    shares: dict[tuple[str, str], list[float]] = {}
    for experiment in suite.experiments:
        key = (experiment.task.name, family(experiment.model))
        changed = differences(whole[key].model_dump(), experiment.model_dump())
        assert changed == {"model", "task.train_fraction", "trainer.epochs"}
        shares.setdefault(key, []).append(experiment.task.train_fraction)
    assert {task for task, _ in shares} == {"hoasa", "casa", "terma"} and len(shares) == 6
    assert all(found == [0.1, 0.25, 0.5] for found in shares.values())


def test_unfrozen_experiments_train_the_language_model_and_nothing_else_is_new() -> None:
    suite = load(ROOT / "experiments/unfrozen.jsonnet")
    assert suite.seeds == 3 and len(suite.experiments) == 3
    for experiment in suite.experiments:
        frozen = load(ROOT / f"experiments/{experiment.task.name}.jsonnet").model_dump()
        assert differences(frozen, experiment.model_dump()) == {"model", "embedder.fine_tune"}
        assert experiment.model == "unfrozen-bilm" and experiment.embedder.fine_tune is not None


def test_adaptation_leaves_vocabulary_and_architecture_to_the_model_and_ends_with_a_rate_of_nothing() -> None:
    adapt = load(ROOT / "experiments/adapt.jsonnet")
    assert adapt.initial_model == "small" and adapt.tokenizer is None
    assert adapt.model.model_fields_set == {"dropout"}
    assert adapt.corpus.sources[0].paths == ["one.txt", "more/*.txt"]
    assert adapt.schedule.factor(600, 600) == 0
    assert (
        adapt.optimizer.learning_rate
        < load(ROOT / "experiments/release/pretrain_small.jsonnet").optimizer.learning_rate
    )


def test_the_adapted_row_keeps_evaluation_texts_out_and_is_adapted_as_a_users_text_is() -> None:
    adapt, adapted = (load(ROOT / f"experiments/{name}.jsonnet").model_dump() for name in ("adapt", "adapted"))
    changed = {"corpus.cleaning.exclude", "training.max_steps", "training.validate_every", "output"}
    assert differences(adapt, adapted) == changed
    assert adapted["corpus"]["cleaning"]["exclude"]["paths"] == ["evaluation.txt"]


RECIPES = ROOT / "experiments/recipes"
RECIPE_CHANGES = {
    "base": set(),
    "vocabulary_8k": {"tokenizer.name"},
    "vocabulary_32k": {"tokenizer.name"},
    "cased": {"tokenizer.name", "tokenizer.lower_case"},
    "wide_shallow": {"model.embedding_dim", "model.num_blocks"},
    "narrow_deep": {"model.embedding_dim", "model.num_blocks"},
    "context_256": {"model.context_length", "training.batch_size"},
    "softmax_shared": {"model.softmax"},
    "softmax_exact": {"softmax_loss.type", "softmax_loss.samples"},
    "model_card": {
        "optimizer.learning_rate",
        "optimizer.betas",
        "optimizer.epsilon",
        "optimizer.weight_decay",
        "schedule.decay",
    },
    "constant": {"schedule.decay"},
    "learning_rate_low": {"optimizer.learning_rate"},
    "learning_rate_high": {"optimizer.learning_rate"},
    "batch_16": {"training.batch_size", "training.max_steps", "schedule.warmup_steps"},
    "batch_64": {"training.batch_size", "training.max_steps", "schedule.warmup_steps"},
    "averaged": {"training.ema_decay"},
    "averaged_constant": {"training.ema_decay", "schedule.decay"},
    "mix_plain": {"corpus.sources"},
    "mix_target": {"corpus.sources"},
    "mix_everyday": {"corpus.sources"},
}


def test_all_recipes_are_in_the_series() -> None:
    series = load(RECIPES / "all.jsonnet")
    listed = ["all", *series.tokenizers, *series.names()]
    assert sorted(listed) == sorted(path.stem for path in RECIPES.glob("*.jsonnet"))
    assert set(series.names()) == RECIPE_CHANGES.keys()


@pytest.mark.parametrize("name", RECIPE_CHANGES)
def test_recipes_change_what_they_are_named_for_and_nothing_else(name: str) -> None:
    base, recipe = (load(RECIPES / f"{file}.jsonnet") for file in ("base", name))
    found = changes(base.model_dump(mode="json"), recipe.model_dump(mode="json"))
    changed = {"corpus.sources" if key.startswith("corpus.sources.") else key for key in found}
    assert changed - {"training.log_every", "training.validate_every"} == RECIPE_CHANGES[name]
    assert recipe.output == f"runs/recipes/{name}"
    training, plain = recipe.training, base.training
    tokens = training.max_steps * training.batch_size * recipe.model.context_length
    assert tokens == plain.max_steps * plain.batch_size * base.model.context_length
    assert recipe.schedule.warmup_steps * plain.max_steps == base.schedule.warmup_steps * training.max_steps
    assert training.max_steps % training.validate_every == training.validate_every % training.log_every == 0


def test_recipes_read_one_text_and_vocabularies_of_it() -> None:
    series = load(RECIPES / "all.jsonnet")
    made = {}
    for name in series.tokenizers:
        tokenizer = load(RECIPES / f"{name}.jsonnet")
        made[tokenizer.output] = tokenizer.wordpiece.lower_case
        cleaning = tokenizer.cleaning
    for name in series.names():
        recipe = load(RECIPES / f"{name}.jsonnet")
        assert made[recipe.tokenizer.name] == recipe.tokenizer.lower_case
        assert recipe.corpus.cleaning == cleaning
        assert (recipe.corpus.sources == tokenizer.sources) == (not name.startswith("mix_"))
    for name, many in {"mix_plain": 18, "mix_target": 12, "mix_everyday": 18}.items():
        assert len(load(RECIPES / f"{name}.jsonnet").corpus.sources) == many


@pytest.mark.parametrize(
    ("name", "slstm_at"),
    [
        ("xlstm_1_0_125m", []),
        ("xlstm_7_1_125m", [3, 20]),
        ("xlstm_1_0_350m", []),
        ("xlstm_7_1_350m", [3, 5, 7, 40, 42, 44]),
    ],
)
def test_the_xlstm_papers_language_models(name: str, slstm_at: list[int]) -> None:
    settings = load(ROOT / f"experiments/xlstm_paper/{name}.jsonnet")
    model, training, small = settings.model, settings.training, name.endswith("125m")
    assert (model.embedding_dim, model.num_blocks) == ((768, 24) if small else (1024, 48))
    assert getattr(model.backbone, "slstm_at", []) == slstm_at and model.directions == 1
    assert settings.optimizer.learning_rate == (3e-3 if small else 1e-3)
    windows = training.max_steps * training.batch_size * training.gradient_accumulation
    assert windows * model.context_length == settings.corpus.max_tokens
    assert settings.schedule.factor(29_999, 30_000) == pytest.approx(0.1, abs=1e-3)


def differences(one: Any, other: Any, path: str = "") -> set[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        return {
            found
            for key in one.keys() | other.keys()
            for found in differences(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
        }
    return set() if one == other else {path}


@pytest.mark.parametrize("name", [*TAGGING, *LABELLED, "absa_e2e", "quickstart_ner"])
def test_baselines_lack_the_language_model_and_nothing_else(name) -> None:
    bilm, baseline = (load(ROOT / f"experiments/{name}{suffix}.jsonnet") for suffix in ("", "_baseline"))
    assert differences(bilm.model_dump(), baseline.model_dump()) == {"model", "embedder", "task.head.mix"}
    assert baseline.embedder is None and baseline.task.head.mix is None


@pytest.mark.parametrize("name", TAGGING)
def test_tasks_of_the_benchmark(name) -> None:
    task = load(ROOT / f"experiments/{name}.jsonnet").task
    assert task.name == task.dataset.name == name
    assert task.type == ("question" if name == "facqa" else "tagging")
    assert getattr(task, "main_metric", "macro_f1") == "macro_f1"
    if task.type == "tagging":
        TagScheme(DATASETS[name].labels, task.head.scheme)  # labels and scheme fit


def test_end_to_end_aspects() -> None:
    task = load(ROOT / "experiments/absa_e2e.jsonnet").task
    assert (task.main_metric, task.head.scheme, task.dataset.type) == ("micro_f1", "bioes", "absa_e2e")
    assert TagScheme(LABELS, "bioes").labels == LABELS


def test_steps_of_the_quick_start_fit_together(monkeypatch) -> None:
    monkeypatch.chdir(ROOT)
    tokenizer, pretrain, ner = (
        load(ROOT / f"experiments/quickstart_{name}.jsonnet") for name in ("tokenizer", "pretrain", "ner")
    )
    assert pretrain.tokenizer.name == tokenizer.output
    assert pretrain.tokenizer.lower_case == tokenizer.wordpiece.lower_case
    script = (ROOT / "scripts/quickstart.sh").read_text(encoding="utf-8")
    assert f"-o embedder.model={pretrain.output} " in script and ner.embedder.model == "small"
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


def test_tasks_read_the_bundled_model() -> None:
    read = set()
    for path in EXPERIMENTS:
        experiment = load(path)
        for one in getattr(experiment, "experiments", [experiment]):
            if getattr(one, "embedder", None) is not None:
                read.add((one.task.name, one.embedder.model))
    assert {model for _, model in read} == {"small"}
    assert {name for name, _ in read} >= {*TAGGING, *LABELLED, "absa_e2e", "sample_ner", "own_ner", "own_reviews"}
