"""Classification tasks: a label for a text."""

from tasks.classification import own_data as _own_data  # noqa: F401 (registers data sets)
from tasks.classification.task import ClassificationTask

__all__ = ["ClassificationTask"]
