"""Tagging tasks."""

from tasks.tagging import own_data as _own_data  # noqa: F401 (registers data sets)
from tasks.tagging.task import TaggingTask

__all__ = ["TaggingTask"]
