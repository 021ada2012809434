"""Scores that others published, as facts with their source."""

from elmo_xlstm.evaluation.published.scores import GROUPS, PublishedScore, read_published

__all__ = ["GROUPS", "PublishedScore", "read_published"]
