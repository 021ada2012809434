"""Text: sources, cleaning, word pieces and tokenised corpora.

The registry of sources is :data:`elmo_xlstm.text.sources.sources`. Names are imported on first use: who predicts needs
a tokenizer, and nothing that makes a corpus.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elmo_xlstm.text.cleaning import Cleaner, CleaningReport, DropReason
    from elmo_xlstm.text.corpus import Corpus, CorpusConfig, CorruptCorpusError
    from elmo_xlstm.text.corpus_building import prepare_corpus
    from elmo_xlstm.text.shards import TokenStream
    from elmo_xlstm.text.sources import TextSource
    from elmo_xlstm.text.sources.base import Document
    from elmo_xlstm.text.tokenizer import Tokenizer, WordPieces
    from elmo_xlstm.text.tokenizer_training import WordPieceConfig, train_wordpiece

__all__ = [
    "Cleaner",
    "CleaningReport",
    "Corpus",
    "CorpusConfig",
    "CorruptCorpusError",
    "Document",
    "DropReason",
    "TextSource",
    "TokenStream",
    "Tokenizer",
    "WordPieceConfig",
    "WordPieces",
    "prepare_corpus",
    "train_wordpiece",
]

_HOMES = {
    "cleaning": ("Cleaner", "CleaningReport", "DropReason"),
    "corpus": ("Corpus", "CorpusConfig", "CorruptCorpusError"),
    "corpus_building": ("prepare_corpus",),
    "shards": ("TokenStream",),
    "sources": ("TextSource",),
    "sources.base": ("Document",),
    "tokenizer": ("Tokenizer", "WordPieces"),
    "tokenizer_training": ("WordPieceConfig", "train_wordpiece"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
