"""Settings that all of a user's data sets share."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, field_validator, model_validator
from typing_extensions import Self

from elmo_xlstm.config import Settings

Fraction = Annotated[float, Field(gt=0, lt=1)]
LabelSet = Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]


class UserData(Settings):
    """Labels, bad rows, and which share of the training data is held out where there is no split for it."""

    labels: LabelSet | None = None
    """All labels that may occur, in the order of their indices; those of the training data by default."""
    label_names: dict[str, str] = {}
    """New names for labels of the data, by their text in it: { '0': 'negative', '1': 'positive' }. Several
    may get one name; '' names what an empty place stands for. ``labels`` and all messages have the new names."""
    on_bad_row: Literal["refuse", "skip"] = "refuse"
    """Bad rows: refuse the data and list them, or leave them out, list and count them. In a
    column file a row is a sentence."""
    valid_fraction: Fraction | None = None
    """Share of the training data that is held out for validation, in place of ``valid``."""
    test_fraction: Fraction | None = None
    """Share of the training data that is held out for testing, in place of ``test``."""
    folds: Annotated[int, Field(ge=2)] | None = None
    """Cross-validation, in place of ``test``: so many parts of the training data, and the run with seed s is tested on
    part s, counted round; ``suite`` runs all of them as one row of the leaderboard."""
    split_seed: Annotated[int, Field(ge=0)] = 0
    """Other values hold out other rows. It is no part of ``--seed``: all seeds of a run have the same test rows,
    or parts."""
    _fold: int = PrivateAttr(0)

    @field_validator("labels")
    @classmethod
    def _labels_are_distinct(cls, labels: tuple[str, ...] | None) -> tuple[str, ...] | None:
        repeated = sorted({label for label in labels or () if (labels or ()).count(label) > 1})
        if repeated:
            raise ValueError(f"{', '.join(repeated)}: each label is declared once")
        return labels

    @model_validator(mode="after")
    def _each_split_has_one_source(self) -> UserData:
        if self.folds is not None and (self.test_fraction or getattr(self, "test", None)) is not None:
            raise ValueError("beside 'folds' there are no test data: each fold is tested on once; leave one out")
        for name in ("valid", "test"):
            given = getattr(self, name, None) is not None
            drawn = getattr(self, f"{name}_fraction") is not None or (name == "test" and self.folds is not None)
            if given == drawn:
                what = (
                    f"both '{name}' and '{name}_fraction' are"
                    if given
                    else f"neither '{name}' nor '{name}_fraction' is"
                )
                raise ValueError(
                    f"{what} given; name the {name} data, or give {name}_fraction: 0.1 to hold out a tenth of the "
                    "training data"
                )
        if (self.valid_fraction or 0) + (self.test_fraction or 0) >= 1:
            raise ValueError("valid_fraction and test_fraction leave nothing to train on")
        return self

    def for_seed(self, seed: int) -> Self:
        """These settings as a run with that seed reads them: with its fold, if there are any."""
        changed = self.model_copy()
        changed._fold = seed % self.folds if self.folds is not None else 0
        return changed

    @property
    def strict(self) -> bool:
        """Whether bad rows are refused."""
        return self.on_bad_row == "refuse"

    @property
    def aspect_names(self) -> tuple[str, ...]:
        """Names of the aspects that each text has a label for, if it has several."""
        return ()

    def order_labels(self, found: set[str]) -> Iterable[str]:
        """Labels that valid and test data may have, of those found in the training data, in order of their indices."""
        return sorted(found)
