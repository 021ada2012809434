"""Fitting a head: batches, loop, early stopping, checkpoints."""

from elmo_xlstm.training.history import EpochRecord, History
from elmo_xlstm.training.randomness import length_buckets, seed_everything
from elmo_xlstm.training.trainer import Trainer

__all__ = ["EpochRecord", "History", "Trainer", "length_buckets", "seed_everything"]
