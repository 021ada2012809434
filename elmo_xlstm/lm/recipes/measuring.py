"""From a finished pretraining run to its result."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elmo_xlstm.device import default_device
from elmo_xlstm.environment import git_commit, hardware, installed_versions
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_directory import WEIGHTS_FILE
from elmo_xlstm.lm.pretraining_record import PretrainingRecord, portable, read_metrics, read_record
from elmo_xlstm.lm.pretraining_settings import METRICS_FILE, PretrainSettings
from elmo_xlstm.lm.recipes.series import RecipeResult, ScoredFile, ScoredText, TrainingTime
from elmo_xlstm.lm.scoring import Validation, score_paths
from elmo_xlstm.runs.run_directory import differences
from elmo_xlstm.text import Tokenizer
from elmo_xlstm.text.sources.files import hash_file


def measure(
    name: str, run: Path, base: PretrainSettings, texts: Sequence[ScoredText], before: RecipeResult | None = None
) -> RecipeResult:
    """Read what a finished run says of itself, and score its model.

    Args:
        name: of the recipe.
        run: its directory.
        base: what its settings are compared with.
        texts: to be scored on.
        before: an earlier result; scores of the same weights on the same texts are taken from it.

    Raises:
        UserError: the run is not finished or its metrics are gone, or a text cannot be read.
    """
    record = read_record(run)
    metrics = read_metrics(run / METRICS_FILE)
    if record.step is None or record.validation is None:
        raise UserError(
            f"{run}: its {METRICS_FILE} is gone; run it anew, in another directory or with this one removed"
        )
    weights = hash_file(record.model / WEIGHTS_FILE)
    network, tokenizer = BiXLSTM.from_pretrained(record.model).eval(), Tokenizer.load(record.model)
    known = before.texts if before is not None and before.weights_sha256 == weights else {}
    training, model = record.recipe["training"], record.recipe["model"]
    tokens_per_step = training["batch_size"] * training["gradient_accumulation"] * model["context_length"]
    time, steps = training_time(metrics, tokens_per_step)
    corpus = record.corpus and {key: value for key, value in record.corpus.items() if key != "sources"}
    return RecipeResult(
        name=name,
        changes=changes(portable(base.model_dump(mode="json")), record.recipe),
        settings=_without_text(record),
        corpus=corpus,
        weights_sha256=weights,
        parameters=network.num_parameters(),
        pieces=tokenizer.vocab_size,
        step=record.step,
        tokens=steps * tokens_per_step,
        time=time,
        validation=Validation(**record.validation),
        texts={text.name: _score(network, tokenizer, text, known.get(text.name)) for text in texts},
        hardware=hardware(str(default_device())),
        versions=installed_versions(),
        git_commit=git_commit(),
    )


def _score(network: BiXLSTM, tokenizer: Tokenizer, text: ScoredText, known: ScoredFile | None) -> ScoredFile:
    digest = hash_file(text.path)
    if known is not None and (known.sha256, known.every) == (digest, text.every):
        return known
    (score,) = score_paths(network, tokenizer, [text.path], every=text.every).values()
    return ScoredFile(sha256=digest, every=text.every, validation=score)


def _without_text(record: PretrainingRecord) -> dict[str, Any]:
    """Settings but for sources and cleaning, which the corpus's digest stands for."""
    return {key: value for key, value in record.recipe.items() if key not in ("corpus", "corpus_directory", "output")}


def training_time(metrics: Sequence[Mapping[str, Any]], tokens_per_step: int) -> tuple[TrainingTime, int]:
    """How long training took by its log lines, and how many steps these tell of."""
    lines = [line for line in metrics if line["kind"] == "train"]
    seconds, before = 0.0, 0
    for line in lines:
        seconds += (line["step"] - before) * tokens_per_step / line["tokens_per_second"]
        before = line["step"]
    rate = statistics.median(line["tokens_per_second"] for line in lines)
    return TrainingTime(seconds=round(seconds, 1), tokens_per_second=round(rate, 1)), before


def changes(base: Mapping[str, Any], recipe: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Dotted settings that are not the same, with both values, ``None`` where there is none; not where the run lies."""
    base, recipe = _with_mix(base), _with_mix(recipe)
    keys = [key for key in differences(base, recipe) if key != "output"]
    return {key: (_value(base, key), _value(recipe, key)) for key in keys}


def _with_mix(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings with share and repeat of each source by its name: of sources only these differ between recipes."""
    corpus = settings.get("corpus", {})
    if "sources" not in corpus:
        return settings
    mix = {source["label"]: [source["share"], source["repeat"]] for source in corpus["sources"]}
    return {**settings, "corpus": {**corpus, "sources": mix}}


def _value(settings: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        settings = settings.get(key) if isinstance(settings, Mapping) else None
    return settings
