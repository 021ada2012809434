"""Data sets: from files to the examples of three splits.

:mod:`~tasks.data.examples` has what a task takes, :mod:`~tasks.data.registries` the names that an experiment can use.
Data sets that register themselves: :mod:`~tasks.data.indonlu`, :mod:`~tasks.data.absa_e2e` and a user's own
(:mod:`~tasks.data.user_data`); :mod:`~tasks.data.readers` reads their files.
"""

from tasks.data import absa_e2e, indonlu, user_data
from tasks.data.examples import Example, LabelledText, QuestionPassage, Reading, Splits, TaggedSentence
from tasks.data.registries import (
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
