"""Aspect tasks: a label for each aspect of a text."""

from tasks.aspects import own_data as _own_data  # noqa: F401 (registers data sets)
from tasks.aspects.task import AspectTask

__all__ = ["AspectTask"]
