"""The IndoNLU benchmark: its data sets, where they are found, and how they are read."""

from elmo_xlstm.tasks.data.indonlu.catalogue import DATASETS, Dataset, dataset
from elmo_xlstm.tasks.data.indonlu.load import DataLocation, load, locate, reader_of

__all__ = ["DATASETS", "DataLocation", "Dataset", "dataset", "load", "locate", "reader_of"]
