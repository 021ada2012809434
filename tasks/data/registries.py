"""The data sets that an experiment can name, one registry for each kind of task.

A data set of your own is a :class:`~elmo_xlstm.config.Settings` with a field ``type`` and a method ``load()`` that
gives :class:`~elmo_xlstm.tasks.data.examples.Splits`; ``evaluate --data`` also needs ``reader()``, whose
``read(path, labels)`` gives a :class:`~elmo_xlstm.tasks.data.examples.Reading`.
"""

from __future__ import annotations

from elmo_xlstm.config import Registry

tagging_datasets = Registry("tagging data set")
classification_datasets = Registry("classification data set")
aspect_datasets = Registry("aspect data set")
pair_datasets = Registry("pair data set")
question_datasets = Registry("question data set")
