"""Data of tasks.

:mod:`~elmo_xlstm.tasks.data.examples` has what a task takes, :mod:`~elmo_xlstm.tasks.data.registries` the names that
an experiment can use. Data sets that register themselves: :mod:`~elmo_xlstm.tasks.data.indonlu`,
:mod:`~elmo_xlstm.tasks.data.absa_e2e` and a user's own (:mod:`~elmo_xlstm.tasks.data.user_data`);
:mod:`~elmo_xlstm.tasks.data.readers` reads their files.
"""

from elmo_xlstm.tasks.data import absa_e2e, indonlu, user_data
from elmo_xlstm.tasks.data.examples import Example, LabelledText, QuestionPassage, Reading, Splits, TaggedSentence
from elmo_xlstm.tasks.data.registries import (
    aspect_datasets,
    classification_datasets,
    pair_datasets,
    question_datasets,
    tagging_datasets,
)

__all__ = [
    "Example",
    "LabelledText",
    "QuestionPassage",
    "Reading",
    "Splits",
    "TaggedSentence",
    "absa_e2e",
    "aspect_datasets",
    "classification_datasets",
    "indonlu",
    "pair_datasets",
    "question_datasets",
    "tagging_datasets",
    "user_data",
]
