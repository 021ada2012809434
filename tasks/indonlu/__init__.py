"""The IndoNLU benchmark: its data sets, where they are found, and how they are read."""

from tasks.indonlu.datasets import DATASETS, SPLITS, DataFile, Dataset, dataset
from tasks.indonlu.fetch import DataLocation, locate
from tasks.indonlu.load import TaggingSplits, load_tagging

__all__ = [
    "DATASETS",
    "SPLITS",
    "DataFile",
    "DataLocation",
    "Dataset",
    "TaggingSplits",
    "dataset",
    "load_tagging",
    "locate",
]
