"""Heads of tagging tasks, chosen by ``type``."""

from __future__ import annotations

from elmo_xlstm.config import Registry
from elmo_xlstm.modules import Tagger

tagging_heads = Registry("tagging head", default="neural")
"""Their settings have a ``scheme``."""
tagging_heads.register("neural")(Tagger.Config)
