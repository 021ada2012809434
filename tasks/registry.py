"""The kinds of task that an experiment can name."""

from elmo_xlstm.config import Registry

tasks = Registry("task")
