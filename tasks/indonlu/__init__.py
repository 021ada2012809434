"""The IndoNLU benchmark: its data sets, where they are found, and how they are read."""

from tasks.indonlu.datasets import DATASETS, SPLITS, Dataset, dataset
from tasks.indonlu.fetch import DataLocation, locate
from tasks.indonlu.load import QuestionSplits, TaggingSplits, load_questions, load_tagging

__all__ = [
    "DATASETS",
    "SPLITS",
    "DataLocation",
    "Dataset",
    "QuestionSplits",
    "TaggingSplits",
    "dataset",
    "load_questions",
    "load_tagging",
    "locate",
]
