"""Heads of tasks in which a text has a label, or one for each aspect, chosen by ``type``."""

from __future__ import annotations

from elmo_xlstm.config import Registry
from elmo_xlstm.modules import Classifier

label_heads = Registry("classification head", default="neural")
label_heads.register("neural")(Classifier.Config)
