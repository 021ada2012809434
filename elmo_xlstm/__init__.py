"""Bidirectional mLSTM language models, the ELMo way: pretraining, word vectors, task heads.

Public names are imported on first use, because torch and transformers take seconds. Imported before torch, the package
sets how torch's threads wait for each other and how many they are (``elmo_xlstm.machine``).
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from elmo_xlstm.machine import share_the_machine

if TYPE_CHECKING:
    from elmo_xlstm.config import Registry, Settings
    from elmo_xlstm.embedding import ElmoEmbedder, FeatureStore, ScalarMix
    from elmo_xlstm.errors import UserError
    from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
    from elmo_xlstm.modules import CRF, Tagger
    from elmo_xlstm.tasks.runtimes import load
    from elmo_xlstm.text import Tokenizer
    from elmo_xlstm.training import Trainer

_HOMES = {
    "CRF": "elmo_xlstm.modules",
    "BiXLSTM": "elmo_xlstm.lm",
    "BiXLSTMConfig": "elmo_xlstm.lm",
    "ElmoEmbedder": "elmo_xlstm.embedding",
    "FeatureStore": "elmo_xlstm.embedding",
    "Registry": "elmo_xlstm.config",
    "ScalarMix": "elmo_xlstm.embedding",
    "Settings": "elmo_xlstm.config",
    "Tagger": "elmo_xlstm.modules",
    "Tokenizer": "elmo_xlstm.text",
    "Trainer": "elmo_xlstm.training",
    "UserError": "elmo_xlstm.errors",
    "load": "elmo_xlstm.tasks.runtimes",
}

__all__ = [
    "CRF",
    "BiXLSTM",
    "BiXLSTMConfig",
    "ElmoEmbedder",
    "FeatureStore",
    "Registry",
    "ScalarMix",
    "Settings",
    "Tagger",
    "Tokenizer",
    "Trainer",
    "UserError",
    "load",
]

share_the_machine()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(_HOMES[name]), name)
