"""Heads of question answering tasks, chosen by ``type``."""

from __future__ import annotations

from elmo_xlstm.config import Registry
from elmo_xlstm.modules import QuestionTagger

question_heads = Registry("question answering head", default="neural")
question_heads.register("neural")(QuestionTagger.Config)
