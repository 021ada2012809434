"""Training a vocabulary as an experiment: sources, cleaning, size."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from elmo_xlstm.config import Settings
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.run_directory import run_lock
from elmo_xlstm.text.cleaning import Cleaner
from elmo_xlstm.text.sources import sources as text_sources
from elmo_xlstm.text.tokenizer import Tokenizer
from elmo_xlstm.text.wordpiece import WordPieceConfig, train_wordpiece


class TokenizerSettings(Settings):
    """A vocabulary to be trained."""

    sources: list[Annotated[Any, text_sources]] = Field(min_length=1)
    """Where the documents come from; their shares and repeats weigh the words."""
    cleaning: Cleaner.Config = Cleaner.Config()
    wordpiece: WordPieceConfig
    output: str = "runs/tokenizer"
    """Directory of the tokenizer."""


def run_tokenizer_training(settings: TokenizerSettings, directory: Path, progress: Progress | None = None) -> Tokenizer:
    """Train a vocabulary and save it.

    Args:
        settings: of the experiment.
        directory: where the tokenizer is written.
        progress: counts documents.

    Raises:
        UserError: a source cannot be read or holds no text, or another process is at work there.
    """
    sources = [source.build() for source in settings.sources]
    cleaner = settings.cleaning.build()

    def texts() -> Iterator[str]:
        with (progress or NullProgress()).task("read documents") as work:
            for weights, source in zip(settings.sources, sources, strict=True):
                for document in source:
                    work.advance()
                    if not weights.uses(document.text):
                        continue
                    cleaned = cleaner.clean_document(document)
                    if isinstance(cleaned, str):
                        yield from itertools.repeat(cleaned, weights.repeat)

    with run_lock(directory):
        tokenizer = train_wordpiece(settings.wordpiece, texts())
        tokenizer.save(directory)
    return tokenizer
