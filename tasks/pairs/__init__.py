"""Tasks on pairs of texts: a label for two texts."""

from tasks.pairs import own_data as _own_data  # noqa: F401 (registers data sets)
from tasks.pairs.task import PairTask

__all__ = ["PairTask"]
