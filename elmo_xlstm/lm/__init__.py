"""The bidirectional language model and its pretraining.

What other rooms read of it, and where it is:

- ``configuration``: sizes of the architecture, each declared once; ``BiXLSTMConfig``; cost of a trained token.
- ``model``: ``BiXLSTM``. ``model_files``: to find and save one. ``model_directory``: what its files say.
- ``backbones``: the interface and the registry; a file or folder for each member.
- ``losses``: exact, sampled and adaptive soft-max. ``scoring``: perplexity of a corpus or of files.
- ``pretraining``: from settings (``pretraining_settings``) to a model; the loop is in ``pretraining_loop``, what a run
  leaves in ``pretraining_record`` and ``training_checkpoints``.
"""

from elmo_xlstm.lm.backbones import lstm, transformer  # noqa: F401 (they register themselves)
from elmo_xlstm.lm.backbones.mlstm import stack as _mlstm  # noqa: F401
from elmo_xlstm.lm.backbones.xlstm import stack as _xlstm  # noqa: F401
from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.model import BiXLSTM

__all__ = ["BiXLSTM", "BiXLSTMConfig"]
