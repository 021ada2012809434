"""Tagging tasks."""

from tasks.tagging.task import TaggingTask

__all__ = ["TaggingTask"]
