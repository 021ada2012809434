"""Which recipes are compared, and on which texts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from elmo_xlstm.config import Settings


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
