"""The bidirectional language model and its pretraining."""

from elmo_xlstm.lm.backbones.mlstm import stack as _registered  # noqa: F401
from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.model import BiXLSTM

__all__ = ["BiXLSTM", "BiXLSTMConfig"]
