"""Text: sources, cleaning, words, word pieces and tokenised corpora.

The registry of sources is :data:`elmo_xlstm.text.sources.sources`. Names are imported on first use: what answers
without torch reads words and pieces alone.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from elmo_xlstm.text.cleaning import Cleaner, CleaningReport, DropReason
    from elmo_xlstm.text.corpus import Corpus, CorpusConfig, CorruptCorpusError
    from elmo_xlstm.text.corpus_building import prepare_corpus
    from elmo_xlstm.text.pieces import WordPieces
    from elmo_xlstm.text.shards import TokenStream
    from elmo_xlstm.text.sources import TextSource
    from elmo_xlstm.text.sources.base import Document
    from elmo_xlstm.text.tokenizer import Tokenizer
    from elmo_xlstm.text.tokenizer_training import WordPieceConfig, train_wordpiece

_HOMES = {
    "Cleaner": "cleaning",
    "CleaningReport": "cleaning",
    "Corpus": "corpus",
    "CorpusConfig": "corpus",
    "CorruptCorpusError": "corpus",
    "Document": "sources.base",
    "DropReason": "cleaning",
    "TextSource": "sources",
    "TokenStream": "shards",
    "Tokenizer": "tokenizer",
    "WordPieceConfig": "tokenizer_training",
    "WordPieces": "pieces",
    "prepare_corpus": "corpus_building",
    "train_wordpiece": "tokenizer_training",
}

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


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
