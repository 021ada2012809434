"""Heads of tasks on pairs of texts, chosen by ``type``."""

from __future__ import annotations

from elmo_xlstm.config import Registry
from elmo_xlstm.modules import PairClassifier

pair_heads = Registry("pair head", default="neural")
pair_heads.register("neural")(PairClassifier.Config)
