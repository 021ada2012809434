"""The plan of a suite: its runs, which of them are done, and how long the others will take."""

from __future__ import annotations

import logging
import shlex
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

from elmo_xlstm.config import ConfigError
from elmo_xlstm.embedding import EmbedderSettings
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import RunResult, read_result
from elmo_xlstm.lm.model_directory import find_model, is_on_the_hub
from elmo_xlstm.runs.run_directory import CONFIG_FILE, read_config
from elmo_xlstm.tasks.data.repository import SPLITS
from elmo_xlstm.tasks.data.user_data.files import checksums
from elmo_xlstm.tasks.finetuning import FinetuneSettings, changed_settings
from elmo_xlstm.tasks.run_contents import DATA_FILE, EMBEDDER_DIRECTORY, read_checksums
from elmo_xlstm.tasks.suite.settings import Suite

logger = logging.getLogger(__name__)

SHIPPED_RESULTS = Path(__file__).resolve().parents[2] / "results"  # tell how long runs take that are new here

RunKey = tuple[str, str, int]
"""Task, model, seed."""


class State(Enum):
    """How far a run is."""

    DONE = "done"
    UNFINISHED = "to go on"
    NEW = "to do"
    STALE = "stale"


@dataclass(frozen=True)
class PlannedRun:
    """One run of a suite."""

    settings: FinetuneSettings  # its seed and place included
    command: str  # repeats this run
    state: State
    reason: str = ""  # why it is stale
    seconds: float | None = None  # how long it will take, if anything is known
    replace: bool = False  # start afresh over what is there
    missing: tuple[str, ...] = ()  # files and models that it needs and that are not there

    @property
    def key(self) -> RunKey:
        """Task, model and seed."""
        return self.settings.task.name, self.settings.model, self.settings.seed

    @property
    def label(self) -> str:
        """The key in words."""
        task, model, seed = self.key
        return f"{task} {model} seed {seed}"


def plan_suite(
    suite: Suite, command: Sequence[str], force: bool = False, replace_stale: bool = False
) -> list[PlannedRun]:
    """Find out what there is to do; seeds one after another, so that every experiment has its first result early."""
    results = {
        directory: _read_results(directory) for directory in {Path(e.settings.results) for e in suite.experiments}
    }
    earlier = [result for found in results.values() for result in found.values()]
    shipped = cache(lambda: list(_read_results(SHIPPED_RESULTS).values()))
    present = _Present()
    plan = []
    for seed in range(suite.seeds):
        for experiment in suite.experiments:
            settings = experiment.with_seed(seed, suite.output)
            result = results[Path(settings.results)].get((settings.task.name, settings.model, seed))
            state, reason = _state(settings, result, present)
            if state is not State.STALE and (other := _other_row(settings, suite.seeds, results)):
                state, reason = State.STALE, other
            replace = force or (replace_stale and state is State.STALE)
            seconds = None
            if to_do := state is not State.DONE or replace:
                seconds = estimate_seconds(settings, earlier) or estimate_seconds(settings, [*earlier, *shipped()])
            missing = tuple(_missing(settings)) if to_do else ()
            state = State.NEW if replace else state
            overrides = [part for override in experiment.overrides for part in ("-o", override)]
            choice = ["--tasks", experiment.task, "--models", experiment.model, "--seeds", str(seed + 1)]
            repeat = shlex.join([*command, *choice, *overrides])
            plan.append(PlannedRun(settings, repeat, state, reason, seconds, replace, missing))
    return plan


def results_of(plan: Sequence[PlannedRun]) -> list[RunResult]:
    """The results of those runs that have one from their present settings, in the order of the plan."""
    found = {directory: _read_results(directory) for directory in {Path(run.settings.results) for run in plan}}
    results = ((run, found[Path(run.settings.results)].get(run.key)) for run in plan if run.state is not State.STALE)
    return [
        result for run, result in results if result is not None and not changed_settings(result.config, run.settings)
    ]


def _other_row(settings: FinetuneSettings, seeds: int, results: Mapping[Path, Mapping[RunKey, RunResult]]) -> str:
    """How a further seed's result, which is not of the plan, differs from the row that the plan makes."""
    for (task, model, seed), result in results[Path(settings.results)].items():
        if (task, model) == (settings.task.name, settings.model) and seed >= seeds:
            if changed := changed_settings({**result.config, "seed": settings.seed}, settings):
                return f"seed {seed} has another configuration ({changed})"
    return ""


def _missing(settings: FinetuneSettings) -> Iterator[str]:
    """Files, directories and the model that the settings name and that are not there; nothing is fetched."""
    for path in dict.fromkeys(_paths(settings.model_dump())):
        if not path.expanduser().exists():
            yield str(path)
    if settings.embedder is not None and not is_on_the_hub(settings.embedder.model):
        try:
            find_model(settings.embedder.model)
        except UserError:
            yield settings.embedder.model


def _paths(value: Any) -> Iterator[Path]:
    if isinstance(value, Path):
        yield value
    elif isinstance(value, dict | list | tuple):
        for entry in value.values() if isinstance(value, dict) else value:
            yield from _paths(entry)


def _state(settings: FinetuneSettings, result: RunResult | None, present: _Present) -> tuple[State, str]:
    """How far a run is, and why it is stale if it is."""
    stale = other_data = ""
    dataset, embedder = settings.task.dataset, settings.embedder
    if result is not None:
        other_data = present.other_data(dataset, result.data)
        other_settings = changed_settings(result.config, settings)
        stale = other_settings or present.other_model(embedder, result.checkpoint) or other_data
        if not stale:
            return State.DONE, ""
    if (settings.directory / CONFIG_FILE).is_file():
        try:
            began = read_checksums(settings.directory)
            # A result tells of the run before, if this one was begun anew.
            other_data = present.other_data(dataset, began) if began else other_data
            other = changed_settings(read_config(settings.directory), settings) or other_data
        except UserError:
            return State.STALE, f"its {CONFIG_FILE} or {DATA_FILE} is damaged"
        kept = settings.directory / EMBEDDER_DIRECTORY
        if not other and kept.is_dir() and embedder is not None:
            here = embedder.model_copy(update={"model": str(kept)})
            other = present.other_model(embedder, present.fingerprint(here))
        if not other:
            return State.UNFINISHED, ""
        stale = stale or other
    return (State.STALE, stale) if stale else (State.NEW, "")


class _Present:
    """Language models and a user's own data files as they lie there now, each hashed once."""

    def __init__(self) -> None:
        self._fingerprints: dict[str, str | None] = {}
        self._checksums: dict[tuple[Path, ...], dict[str, str]] = {}

    def fingerprint(self, embedder: EmbedderSettings) -> str | None:
        """Of the language model; None if it is not there."""
        key = embedder.model_dump_json(exclude={"store", "fine_tune"})
        if key not in self._fingerprints:
            try:
                self._fingerprints[key] = embedder.build().fingerprint
            except UserError:
                self._fingerprints[key] = None
        return self._fingerprints[key]

    def other_model(self, embedder: EmbedderSettings | None, before: str | None) -> str:
        """A message if the language model has changed; empty if not, or if it is gone."""
        now = self.fingerprint(embedder) if embedder is not None else None
        if embedder is None or now is None or before is None or now == before:
            return ""
        return f"{embedder.model} holds another language model now"

    def other_data(self, dataset: object, before: Mapping[str, str]) -> str:
        """A message with the data files that have changed; empty if none has, or if they are gone.

        The benchmarks' files have declared checksums, which are verified when they are read.
        """
        parts = (getattr(dataset, name, None) for name in SPLITS)
        paths = tuple(path for path in parts if isinstance(path, Path))
        if paths not in self._checksums:
            self._checksums[paths] = checksums(paths) if all(path.is_file() for path in paths) else {}
        changed = [name for name, now in self._checksums[paths].items() if before.get(name, now) != now]
        return f"{', '.join(changed)}: other data now" if changed else ""


def _read_results(directory: Path) -> dict[RunKey, RunResult]:
    """Test results below a directory; one that cannot be read is measured again."""
    results: dict[RunKey, RunResult] = {}
    for path in sorted(directory.glob("*/*/seed-*.json")):
        try:
            result = read_result(path, directory)
        except (OSError, ValueError, ConfigError) as error:
            logger.warning("%s: no valid result (%s); it is measured again", path, str(error).splitlines()[0])
            continue
        if result.path(directory) == path and result.split == "test":
            results[result.task, result.model, result.seed] = result
    return results


def estimate_seconds(settings: FinetuneSettings, earlier: Iterable[RunResult]) -> float | None:
    """Seconds that a run will take, by earlier ones on its task; ``None`` if too little is known.

    The mean of those of the same model, else the median of those with the same type of head and kind of language model:
    frozen, fine-tuned or none; scaled to this one's number of epochs and share of the training data.
    """
    values = settings.model_dump(mode="json")
    work = _work(values)
    same, alike = [], []
    for result in earlier:
        if result.task == settings.task.name:
            seconds = result.seconds * work / (_work(result.config) or work)
            same += [seconds] if result.model == settings.model else []
            alike += [seconds] if _kind(result.config) == _kind(values) else []
    return statistics.fmean(same) if same else statistics.median(alike) if alike else None


def _work(config: Mapping[str, Any]) -> float:
    """Epochs times the share of the training data, which time is proportional to; 0 if not known."""
    epochs: float = config.get("trainer", {}).get("epochs") or 0
    share: float = config.get("task", {}).get("train_fraction", 1.0)
    return epochs * share


def _kind(config: Mapping[str, Any]) -> tuple[Any, bool, bool]:
    """The type of head, whether there is a language model, and whether it learns with the head."""
    head, embedder = config.get("task", {}).get("head") or {}, config.get("embedder")
    return head.get("type"), embedder is not None, bool(embedder and embedder.get("fine_tune"))


def in_words(seconds: float) -> str:
    """As ``45 s``, ``12 min`` or ``3 h 05 min``."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
