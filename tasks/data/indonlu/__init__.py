"""The IndoNLU benchmark: its data sets, where they are found, and how they are read."""

from tasks.data.indonlu.catalogue import DATASETS, Dataset, dataset
from tasks.data.indonlu.load import DataLocation, load, locate, reader_of

__all__ = ["DATASETS", "DataLocation", "Dataset", "dataset", "load", "locate", "reader_of"]
