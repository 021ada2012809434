"""Result files: one JSON document for each model, task and seed."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, Field, StringConstraints, field_validator, model_validator

from elmo_xlstm.config import ConfigError, Settings, validate
from elmo_xlstm.environment import Hardware
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.outcomes import Outcomes
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.files import read_json

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]*$", max_length=100)]
"""A name that is also a file name on every system."""
Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=0)]
Metric = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", max_length=100)]
"""A metric's name: a line of text."""
DECIMALS = 6
SHOWN = 20
LONGEST = 2000
MOST_BYTES = 2**24  # of a result file; a benchmark's have some 20 kB
MOST_CONFUSED = 50  # a table of confusions between more labels than this can be neither kept nor read
CHECKSUM = "sha256"
PLACES = frozenset({"output", "results", "embedder.store", "trainer.tensorboard"})
"""Dotted settings of a run that say where things lie, or what is written besides: they change nothing measured."""


class TypeScore(Settings):
    """Scores of one label or span type."""

    precision: Share
    recall: Share
    f1: Share
    support: Count
    """How often it stands in the gold."""


class MixWeights(Settings):
    """A learned scalar mix: gamma times the weighted sum of layers."""

    weights: Annotated[list[float], Field(min_length=1, max_length=1000)]
    """After the soft-max, lowest layer (the token embedding) first."""
    gamma: float


class Confusion(Settings):
    """How often each label was given for each other one."""

    labels: Annotated[list[str], Field(min_length=1, max_length=MOST_CONFUSED)]
    counts: list[list[Count]]
    """Rows are gold labels, columns predicted ones, both in the order of ``labels``."""

    @model_validator(mode="after")
    def _is_square(self) -> Confusion:
        size = len(self.labels)
        if len(set(self.labels)) < size:
            raise ValueError("a label is listed twice")
        if len(self.counts) != size or any(len(row) != size for row in self.counts):
            raise ValueError(f"counts are not {size} rows of {size} counts, as many as labels")
        return self


class EpochScore(Settings):
    """One epoch of training."""

    train_loss: float | None
    """Mean over examples; null if no step was finite."""
    validation: float
    """The metric that chose the best epoch."""

    @field_validator("train_loss", mode="before")
    @classmethod
    def _not_finite_is_null(cls, value: Any) -> Any:
        return None if isinstance(value, float) and not math.isfinite(value) else value


class ParameterCounts(Settings):
    """How many parameters a run had."""

    total: Count
    trainable: Count
    frozen_bilm: Count
    """Those of the frozen language model; 0 without one, and where it is trained with the head."""


class RunResult(Settings):
    """The scores of one run, and all that is needed to judge and repeat it."""

    format: Literal[1] = 1
    """Version of this record."""
    model: Name
    """The row of the leaderboard."""
    task: Name
    """The column of the leaderboard."""
    seed: Count
    split: Literal["train", "valid", "test"]
    """The leaderboard shows test only."""
    main_metric: Metric
    """Which of ``metrics`` is the task's main score."""
    metrics: Annotated[dict[Metric, Share], Field(max_length=1000)]
    intervals: dict[str, tuple[Share, Share]] = {}
    """95 % bootstrap intervals over sentences, by metric."""
    types: dict[str, TypeScore] = {}
    mix: Annotated[dict[str, MixWeights], Field(max_length=100)] = {}
    """Learned layer weights, by the name of the mix; empty without a language model."""
    confusion: Confusion | None = None
    """Of labels; null where they are too many, or the task has none."""
    curve: Annotated[list[EpochScore], Field(max_length=100_000)] = []
    """Training, epoch by epoch; empty if nothing was trained in epochs."""
    outcomes: Outcomes | None = None
    """Counts of each example, from which intervals over seeds and tests of significance are made."""
    parameters: ParameterCounts
    config: dict[str, Any]
    """The resolved configuration."""
    data: dict[str, str]
    """SHA-256 of each data file, by name."""
    skipped: dict[str, Count] = {}
    """How many rows were left out because they are bad, by what was read; not in the file where there were none."""
    versions: dict[str, str]
    git_commit: str | None
    started: AwareDatetime
    seconds: Annotated[float, Field(ge=0)]
    hardware: Hardware
    checkpoint: str | None
    """Fingerprint of the language model; null without one."""
    fix_unicode: bool | None = None
    """How the language model's words are cleaned, as the cleaning of its corpus has it; null if they are not."""
    command: str

    @model_validator(mode="after")
    def _main_metric_is_measured(self) -> RunResult:
        if self.main_metric not in self.metrics:
            raise ValueError(f"main_metric '{self.main_metric}' is not among the metrics: {', '.join(self.metrics)}")
        return self

    @property
    def score(self) -> float:
        """The main score."""
        return self.metrics[self.main_metric]

    def path(self, directory: Path) -> Path:
        """Where the result belongs: ``<task>/<model>/seed-<n>.json``; other splits than test carry their name."""
        split = "" if self.split == "test" else f".{self.split}"
        return directory / self.task / self.model / f"seed-{self.seed}{split}.json"

    def write(self, directory: Path) -> Path:
        """Write the result file, whole or not at all, scores with six decimals; an older one is replaced.

        It ends with a checksum of all that stands before, so that a number that has changed is noticed.
        """
        values = self.model_dump(mode="json")
        for key in ("metrics", "intervals", "types", "mix", "curve", "seconds"):
            values[key] = _rounded(values[key])
        if not self.skipped:
            del values["skipped"]
        values[CHECKSUM] = _checksum(values)
        path = self.path(directory)
        write_text_atomically(path, json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return path


def _checksum(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return round(value, DECIMALS) if isinstance(value, float) else value


def now() -> datetime:
    """The present time to the second, with its zone, for ``started``."""
    return datetime.now().astimezone().replace(microsecond=0)


def load_results(directory: Path) -> list[RunResult]:
    """Read all result files below a directory, in the order of their paths; one UserError names all that are none."""
    if not directory.is_dir():
        raise UserError(f"{directory}: no such directory; finetune writes results there")
    results, problems = [], []
    for path in sorted(directory.glob("*/*/seed-*.json")):
        try:
            result = read_result(path, directory)
            if result.path(directory) != path:
                raise ValueError(f"belongs at {result.path(directory)}")
            results.append(result)
        except (ValueError, OSError, ConfigError) as error:
            problems.append(str(error) if isinstance(error, ConfigError) else f"{path}: {error}")
    if problems:
        count = "1 broken result file" if len(problems) == 1 else f"{len(problems)} broken result files"
        shown = [problem[:LONGEST] for problem in problems[:SHOWN]]
        more = [f"... and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else []
        lines = [f"{directory}: {count}", *shown, *more, "Delete them, or measure them again."]
        raise UserError("\n".join(lines))
    return results


def read_result(path: Path, within: Path | None = None) -> RunResult:
    """Read a result file, in the tree ``within`` if given; one without a checksum is older and believed.

    Raises:
        OSError: it is not there.
        UnreadableError: it cannot be read just now.
        ValueError: it is no JSON or too large, lies elsewhere, or is not what was written.
        ConfigError: it is no result.
    """
    try:
        values = read_json(path, MOST_BYTES, within)
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"no valid JSON ({error.msg} at line {error.lineno})") from None
    expected = values.pop(CHECKSUM, None) if isinstance(values, dict) else None
    result = validate(RunResult, values, origin=str(path))
    if expected is not None and _checksum(values) != expected:
        raise ValueError("its content is not what was written (SHA-256 differs)")
    return result
