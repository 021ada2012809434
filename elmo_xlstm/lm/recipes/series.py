"""A series of recipes: which are compared on which texts, and the result of each as one small file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from elmo_xlstm.config import Settings, validate
from elmo_xlstm.environment import Hardware
from elmo_xlstm.lm.scoring import Validation
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.files import read_json

DIGITS = 9


class ScoredText(Settings):
    """A kind of text that every recipe is scored on."""

    name: str
    """As the table's column is called."""
    path: Path
    """Text file, a document a line."""
    every: Annotated[int, Field(gt=0)] = 1
    """Of the lines every n-th one is scored."""


class SeriesSettings(Settings):
    """Pretraining experiments that are run one after the other, and listed in this order."""

    tokenizers: list[str]
    """Names of tokenizer experiments beside the series' file; each is run when the first recipe needs it."""
    base: str
    """Name of the pretraining experiment that the others differ from."""
    recipes: list[str]
    """Names of the others."""
    texts: list[ScoredText]
    results: Path = Path("results/pretraining")
    """Directory of the result files, one a recipe."""
    table: Path = Path("docs/pretraining.md")
    """Markdown file in which the table stands between two marks."""

    def names(self) -> list[str]:
        """Of all recipes, the base first."""
        return [self.base, *self.recipes]


class TrainingTime(Settings):
    """How long training took, without validation and checkpoints."""

    seconds: float
    tokens_per_second: float
    """Median of the run's log lines, which other work on the machine moves least."""


class ScoredFile(Settings):
    """Scores on one kind of text."""

    sha256: str
    """Of the text file."""
    every: int
    """Of its lines every n-th one was scored."""
    validation: Validation


class RecipeResult(Settings):
    """A finished run in numbers."""

    name: str
    changes: dict[str, tuple[Any, Any]]
    """Dotted settings that differ from the base's: its value, and this recipe's."""
    settings: dict[str, Any]
    """Of the run, but for its text."""
    corpus: dict[str, Any] | None
    """Digest and sizes of the text; null if it was not found any more."""
    weights_sha256: str
    parameters: int
    pieces: int
    """Of the vocabulary."""
    step: int
    """Of the best validation, whose model this is."""
    tokens: int
    """That training read."""
    time: TrainingTime
    validation: Validation
    texts: dict[str, ScoredFile]
    hardware: Hardware
    versions: dict[str, str]
    git_commit: str | None

    def write(self, directory: Path) -> None:
        """Write ``<name>.json``, whole or not at all, numbers with nine digits."""
        text = json.dumps(_rounded(self.model_dump(mode="json")), indent=2, ensure_ascii=False, allow_nan=False)
        write_text_atomically(directory / f"{self.name}.json", text + "\n")


def read_result(name: str, directory: Path) -> RecipeResult | None:
    """The result of a recipe, if there is one.

    Raises:
        ConfigError: the file is not what :meth:`RecipeResult.write` writes.
    """
    path = directory / f"{name}.json"
    if not path.is_file():
        return None
    try:
        values = read_json(path)
    except ValueError:
        values = None  # is reported as what it is not
    return validate(RecipeResult, values, origin=str(path))


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value
