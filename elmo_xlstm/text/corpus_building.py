"""Building a tokenised corpus, once for each identity of text, settings and tokenizer."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.runs.directories import clear_left_overs, publish_directory
from elmo_xlstm.runs.files import writing
from elmo_xlstm.text.corpus import (
    FORMAT_VERSION,
    Corpus,
    CorpusConfig,
    CorruptCorpusError,
)
from elmo_xlstm.text.corpus_writing import build_corpus
from elmo_xlstm.text.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

LOCK_FILE = ".lock"
DIGEST_CHARACTERS = 16


def prepare_corpus(
    config: CorpusConfig, tokenizer: Tokenizer, directory: Path, progress: Progress | None = None
) -> Corpus:
    """Build the corpus, or open it if it was built before from the same sources with the same settings.

    It lies in ``directory/<digest>/``, where the digest covers the sources' fingerprints, the settings
    that matter and the tokenizer. It is written under a temporary name and renamed when whole; a lock
    makes other processes wait and then reuse it. Files that do not match their hash are reported in
    the log and the corpus is built anew.

    Args:
        config: sources, cleaning and split.
        tokenizer: what splits the text.
        directory: where corpora are kept; made if missing.
        progress: shows how far the work has come.

    Raises:
        UserError: a source cannot be read, or too few documents are left.
    """
    directory = Path(directory)
    built_sources = [source.build() for source in config.sources]
    identity = _identity(config, [source.fingerprint() for source in built_sources], tokenizer)
    target = directory / identity["digest"][:DIGEST_CHARACTERS]
    with writing(target):
        directory.mkdir(parents=True, exist_ok=True)
    corpus = _reuse(target)
    if corpus is not None:
        return corpus
    with _locked(directory):
        corpus = _reuse(target)  # another process may have built it in the meantime
        if corpus is not None:
            return corpus
        clear_left_overs(directory, "[0-9a-f]" * DIGEST_CHARACTERS)
        with publish_directory(target) as temporary:
            build_corpus(config, built_sources, tokenizer, temporary, progress or NullProgress(), identity)
    corpus = Corpus(target)
    logger.info("corpus: %s; kept in %s", _summary(corpus.manifest), target)
    return corpus


def _summary(manifest: dict[str, Any]) -> str:
    """The numbers of documents and tokens, in a line."""
    documents = manifest["documents"]
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in documents["dropped"].items() if count)
    parts = (f"{name} {manifest[name]['tokens']:,} tokens" for name in ("train", "validation"))
    return (
        f"{documents['kept']:,} of {documents['read']:,} documents (dropped: {dropped or 'none'}); {', '.join(parts)}"
    )


def _identity(config: CorpusConfig, fingerprints: list[dict[str, Any]], tokenizer: Tokenizer) -> dict[str, Any]:
    """Everything that the corpus is made from, as the manifest has it, and a digest of that."""
    identity: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "sources": [
            {**fingerprint, "label": settings.shown, "share": settings.share, "repeat": settings.repeat}
            for settings, fingerprint in zip(config.sources, fingerprints, strict=True)
        ],
        "cleaning": {
            **config.cleaning.model_dump(),
            "exclude": config.cleaning.exclude and config.cleaning.exclude.fingerprint(),
        },
        "tokenizer": {
            "fingerprint": tokenizer.fingerprint,
            "lower_case": tokenizer.lower_case,
            "vocab_size": tokenizer.vocab_size,
        },
        "validation_fraction": config.validation_fraction,
        "shard_tokens": config.shard_tokens,
        "deduplicate": config.deduplicate,
    }
    if config.max_tokens is not None:
        identity["max_tokens"] = config.max_tokens
    if config.near_duplicates is not None:
        identity["near_duplicates"] = config.near_duplicates.model_dump()
    return {"digest": hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest(), **identity}


def _reuse(target: Path) -> Corpus | None:
    if not target.is_dir():
        return None
    try:
        corpus = Corpus(target, verify=True)
    except CorruptCorpusError as error:
        logger.warning("%s; the corpus is built anew", error)
        return None
    logger.info("reusing the corpus in %s", target)
    return corpus


@contextmanager
def _locked(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; the system frees it when a process dies."""
    lock = FileLock(directory / LOCK_FILE)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        logger.info("waiting for another process that prepares a corpus in %s", directory)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
