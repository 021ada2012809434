"""Text: sources, cleaning, word pieces and tokenised corpora.

The registry of sources is :data:`elmo_xlstm.text.sources.sources`.
"""

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
