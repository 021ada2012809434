"""Training a vocabulary as an experiment: sources, cleaning, size."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field

from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.runs.run_directory import RunSettings
from elmo_xlstm.text.cleaning import Cleaner
from elmo_xlstm.text.sources import sources as text_sources
from elmo_xlstm.text.tokenizer import SETTINGS_FILE, TOKENIZER_FILE, Tokenizer
from elmo_xlstm.text.wordpiece import WordPieceConfig, train_wordpiece


class TokenizerSettings(RunSettings):
    """A vocabulary to be trained."""

    kind: ClassVar[str] = "tokenizer"
    written: ClassVar[tuple[str, ...]] = (TOKENIZER_FILE, SETTINGS_FILE)

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
        directory: of the run, opened with :func:`~elmo_xlstm.runs.run_directory.open_run`.
        progress: counts documents.

    Raises:
        UserError: a source cannot be read or holds no text.
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

    tokenizer = train_wordpiece(settings.wordpiece, texts())
    tokenizer.save(directory)
    return tokenizer
