"""Data sets of question answering, chosen by ``type``."""

from __future__ import annotations

from typing import Literal

from elmo_xlstm.config import Registry, Settings
from tasks.indonlu import DataLocation, QuestionSplits, dataset, load_questions

question_datasets = Registry("question data set")


@question_datasets.register("indonlu")
class IndoNLUQuestions(Settings):
    """Question answering of the IndoNLU benchmark."""

    type: Literal["indonlu"] = "indonlu"
    name: Literal["facqa"] = "facqa"
    location: DataLocation = DataLocation()
    """Where its files are looked for."""

    @property
    def labels(self) -> tuple[str, ...]:
        """All tags that may occur."""
        return dataset(self.name).labels

    def load(self) -> QuestionSplits:
        """Read the three splits, checked against the declared table."""
        return load_questions(self.name, self.location)
