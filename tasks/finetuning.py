"""A task experiment from its settings to its result file; :mod:`elmo_xlstm.tasks.predict` reads the finished run."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.device import default_device
from elmo_xlstm.embedding import ElmoEmbedder, EmbedderSettings, FeatureStore
from elmo_xlstm.environment import git_commit, hardware, installed_versions
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.outcomes import Outcomes, encode_outcomes
from elmo_xlstm.evaluation.results import PLACES, EpochScore, Name, ParameterCounts, RunResult, now, read_result
from elmo_xlstm.progress import Progress
from elmo_xlstm.runs.atomic import write_atomically
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, write_checksums
from elmo_xlstm.runs.files import to_json
from elmo_xlstm.runs.run_directory import CONFIG_FILE, MARKER_FILE, RunSettings, differences
from elmo_xlstm.tasks.defaults import complete
from elmo_xlstm.tasks.model import CHARACTERS_FILE, WORDS_FILE
from elmo_xlstm.tasks.predictor import LABELS_FILE, WEIGHTS_FILE
from elmo_xlstm.tasks.registry import tasks
from elmo_xlstm.tasks.run_contents import DATA_FILE, EMBEDDER_DIRECTORY, keep_checksums, keep_model, kept_embedder
from elmo_xlstm.tasks.scores import Scores
from elmo_xlstm.tasks.task import Task
from elmo_xlstm.training import History, Trainer, seed_everything

logger = logging.getLogger(__name__)

RESULT_FILE = "result.json"
HISTORY_FILE = "history.json"
PREDICTIONS_FILE = "predictions-test.jsonl"
LOG_FILE = "log.txt"
SHOWN_CHANGES = 4
# Files that change after a run has ended (a suite's log, settings that are free on resume), and what --resume checks.
LIVE = frozenset({CONFIG_FILE, MARKER_FILE, CHECKSUMS_FILE, DATA_FILE, LOG_FILE})


class FinetuneSettings(RunSettings):
    """A task experiment."""

    kind: ClassVar[str] = "finetune"
    written: ClassVar[tuple[str, ...]] = (
        DATA_FILE,
        HISTORY_FILE,
        RESULT_FILE,
        PREDICTIONS_FILE,
        LOG_FILE,
        CHECKSUMS_FILE,
        WEIGHTS_FILE,
        LABELS_FILE,
        WORDS_FILE,
        CHARACTERS_FILE,
        "vocabulary.json",
        "checkpoint/*.safetensors",
        "errors-*.html",
        "plots/*.svg",
        "tensorboard/events.*",
        EMBEDDER_DIRECTORY,
    )
    free: ClassVar[frozenset[str]] = PLACES

    model: Name = "frozen-bilm"
    """The row of the leaderboard; by default frozen-bilm, tuned-bilm or no-bilm, or the type of another head."""
    task: Annotated[Any, tasks]
    embedder: EmbedderSettings | None = None
    """The language model, for heads that read one: by default the one that the package carries; null for none."""
    trainer: Trainer.Config = Trainer.Config()
    output: str | None = None
    """Directory of the run; runs/<task>/<model>/seed-<seed> by default."""
    results: str = "runs/results"
    """Where the result file goes."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, values: Any) -> Any:
        return cls.completed(values) if isinstance(values, dict) else values

    @model_validator(mode="after")
    def _embedder_where_needed(self) -> FinetuneSettings:
        if self.task.needs_embedder and self.embedder is None:
            raise ValueError(
                "the head mixes the layers of a language model; name one: embedder: { model: ... }; or leave the mix "
                "out: task.head.mix: null"
            )
        if self.embedder is not None and not self.task.needs_embedder:
            raise ValueError(
                "an embedder is given, but the head does not read it; add task.head.mix: {} or leave it out"
            )
        return self

    def build_task(self, embedder: ElmoEmbedder | None) -> Task[Any]:
        """The task, on this seed's fold of data that are cross-validated."""
        config, dataset = self.task, self.task.dataset
        if getattr(dataset, "folds", None) is not None:
            config = config.model_copy(update={"dataset": dataset.for_seed(self.seed)})
        task: Task[Any] = config.build(embedder)
        return task

    @classmethod
    def completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """See :mod:`elmo_xlstm.tasks.defaults`."""
        return complete(values)

    @property
    def directory(self) -> Path:
        """Of the run."""
        return Path(self.output or f"runs/{self.task.name}/{self.model}/seed-{self.seed}")


def describe_finetuning(settings: FinetuneSettings) -> dict[str, Any]:
    """Build everything and train nothing: data sizes and parameter counts, for a dry run."""
    embedder = settings.embedder.build() if settings.embedder else None
    sizes: dict[str, Any] = settings.build_task(embedder).prepare()
    if embedder is not None and embedder.fine_tune is None:
        sizes["frozen language model"] = _count(embedder)
    return sizes


def refuse_another_row(settings: FinetuneSettings) -> None:
    """See that the results which the run's result will stand beside, or replace, have the same configuration.

    Raises:
        UserError: one has another: a row of the leaderboard is one configuration with several seeds.
    """
    for path in sorted(Path(settings.results, settings.task.name, settings.model).glob("seed-*.json")):
        try:
            found = read_result(path)
        except (OSError, ValueError, ConfigError) as error:
            logger.warning("%s: no valid result (%s)", path, str(error).splitlines()[0])
            continue
        if changed := changed_settings({**found.config, "seed": settings.seed}, settings):
            raise UserError(
                f"{path}: is of another configuration than this run ({changed}), and '{settings.model}' on "
                f"'{settings.task.name}' would be a row of both. Give this one a name of its own: -o model=NAME; or "
                "other results: -o results=DIRECTORY; or replace that result with --force"
            )


def changed_settings(before: Mapping[str, Any], settings: FinetuneSettings) -> str:
    """The settings that differ from those that something was made with, in words; empty if none do."""
    try:  # settings that were added since have their defaults
        old = validate(FinetuneSettings, dict(before)).model_dump(mode="json")
    except ConfigError as error:
        return f"its settings are not valid any more ({'; '.join(error.problems[:SHOWN_CHANGES])})"
    new = settings.model_dump(mode="json")
    changed = [key for key in differences(old, new) if key not in settings.free]
    shown = [f"{key}: {_at(old, key)} → {_at(new, key)}" for key in changed[:SHOWN_CHANGES]]
    more = len(changed) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more else "")


def _at(values: Any, dotted: str) -> str:
    for key in dotted.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    text = json.dumps(values, ensure_ascii=False)
    return text if len(text) <= 40 else "…"


def train(
    settings: FinetuneSettings, directory: Path, resume: bool = False, progress: Progress | None = None
) -> tuple[Task[Any], History, FeatureStore | None]:
    """Train a head and choose its epoch on the validation split; arguments and errors are :func:`run_finetuning`'s.

    Returns:
        The trained task, its epochs, and the store of the language model's vectors.
    """
    if settings.embedder is not None:
        keep_model(settings.embedder.model, directory / EMBEDDER_DIRECTORY)
    embedder = kept_embedder(settings.embedder, directory)
    store = settings.embedder.open_store(embedder) if settings.embedder and embedder else None
    seed_everything(settings.seed)  # initial weights are drawn in prepare()
    task = settings.build_task(embedder)
    task.prepare()
    keep_checksums(directory, task.checksums)
    history = task.fit(settings.trainer.build(), store, directory, settings.seed, resume, progress)
    write_atomically(directory / HISTORY_FILE, _json(history.to_dict()))
    return task, history, store


def run_finetuning(
    settings: FinetuneSettings,
    directory: Path,
    command: str,
    resume: bool = False,
    progress: Progress | None = None,
) -> RunResult:
    """Train a head, choose its epoch on the validation split, score the test split once and file the result.

    Args:
        settings: of the experiment.
        directory: of the run, opened with :func:`~elmo_xlstm.runs.run_directory.open_run`.
        command: what started the run, for the result file.
        resume: go on from the last whole epoch.
        progress: shows how far the work has come.

    Raises:
        Interrupted: SIGTERM or Ctrl-C; what was done so far is kept for ``resume``.
        UserError: the data cannot be used or are others than those that the run began with, or the disk is full.
    """
    started, clock = now(), time.monotonic()
    before = _files(directory)
    task, history, store = train(settings, directory, resume, progress)
    embedder = task.embedder
    test = task.split("test")
    scores = task.score(test, store, progress)
    task.write_predictions(directory / PREDICTIONS_FILE, test, scores)
    total, trainable = task.parameters()
    frozen = _count(embedder) if embedder is not None and embedder.fine_tune is None else 0
    result = RunResult(
        model=settings.model,
        task=settings.task.name,
        seed=settings.seed,
        split="test",
        main_metric=task.main_metric,
        metrics=dict(scores.metrics),
        intervals=dict(scores.intervals),
        types=dict(scores.types),
        mix=task.mixes(),
        confusion=scores.confusion,
        curve=[EpochScore(train_loss=e.train_loss, validation=e.metrics[history.monitor]) for e in history.epochs],
        outcomes=_outcomes(scores),
        parameters=ParameterCounts(total=total + frozen, trainable=trainable, frozen_bilm=frozen),
        config=settings.model_dump(mode="json"),
        data=task.checksums,
        skipped=task.skipped,
        versions=installed_versions(),
        git_commit=git_commit(),
        started=started,
        seconds=time.monotonic() - clock,
        hardware=hardware(str(default_device())),
        checkpoint=embedder.fingerprint if embedder is not None else None,
        fix_unicode=embedder.tokenizer.fix_unicode if embedder is not None else None,
        command=command,
    )
    write_atomically(directory / RESULT_FILE, _json(result.model_dump(mode="json")))
    # Of files that a run has found, those that it has not written are others'.
    written = {name for name, state in _files(directory).items() if before.get(name) != state}
    write_checksums(directory, written - LIVE)
    result.write(Path(settings.results))
    return result


def _files(directory: Path) -> dict[str, tuple[int, int]]:
    """Inode and time of each file directly in a directory, which change when it is written."""
    found = ((path.name, path.stat()) for path in directory.iterdir() if path.is_file())
    return {name: (state.st_ino, state.st_mtime_ns) for name, state in found}


def _outcomes(scores: Scores) -> Outcomes | None:
    """The test examples' counts, unless they are too many to be kept."""
    try:
        return encode_outcomes(scores.kind, scores.statistics)
    except ValueError as error:
        logger.warning("the result file is written without the counts of each example: %s", error)
        return None


def _count(embedder: ElmoEmbedder) -> int:
    """Parameters that the embedder uses; the soft-max weights are for pretraining only."""
    model = embedder.model
    parts = (model.token_embedding, *model.backbones)
    return sum(parameter.numel() for part in parts for parameter in part.parameters())


def _json(values: Any) -> bytes:
    return (to_json(values, indent=2) + "\n").encode()
