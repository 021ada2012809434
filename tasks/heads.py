"""The heads that an experiment can name, one registry for each kind of task.

Register the :class:`~elmo_xlstm.tasks.predictor.HeadSettings` of a head of your own, with a field ``type``, here. They
build a module as those in :mod:`elmo_xlstm.modules` do; or they name a ``predictor_class``, as
:mod:`elmo_xlstm.tasks.baselines` does.
"""

from __future__ import annotations

from elmo_xlstm.config import Registry
from elmo_xlstm.modules import Classifier, PairClassifier, QuestionTagger, Tagger

tagging_heads = Registry("tagging head", default="neural")
"""Their settings have a ``scheme``."""
tagging_heads.register("neural")(Tagger.Config)

label_heads = Registry("classification head", default="neural")
"""For texts that have a label, or one for each aspect."""
label_heads.register("neural")(Classifier.Config)

pair_heads = Registry("pair head", default="neural")
pair_heads.register("neural")(PairClassifier.Config)

question_heads = Registry("question answering head", default="neural")
question_heads.register("neural")(QuestionTagger.Config)
