"""A tokenised corpus on disk, built once and reused."""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from elmo_xlstm.config import Settings
from elmo_xlstm.disk import writing
from elmo_xlstm.errors import UserError
from elmo_xlstm.files import read_json, reading
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.text.cleaning import Cleaner
from elmo_xlstm.text.corpus_building import (
    CHECKSUM,
    FORMAT_VERSION,
    MANIFEST_FILE,
    TOKEN_COUNTS_FILE,
    build_corpus,
    manifest_checksum,
)
from elmo_xlstm.text.near_duplicates import NearDuplicates
from elmo_xlstm.text.shards import TokenStream
from elmo_xlstm.text.sources import sources as text_sources
from elmo_xlstm.text.sources.files import hash_file
from elmo_xlstm.text.tokenizer import Tokenizer

logger = logging.getLogger(__name__)

LOCK_FILE = ".lock"
TEMPORARY_SUFFIX = ".tmp"
DIGEST_CHARACTERS = 16


class CorpusConfig(Settings):
    """What a language model is trained on."""

    sources: list[Annotated[Any, text_sources]] = Field(min_length=1)
    """Where the documents come from, read in this order."""
    cleaning: Cleaner.Config = Cleaner.Config()
    """How running text is made of them."""
    validation_fraction: float = Field(default=0.005, gt=0, lt=1)
    """Share of documents held out, chosen by a hash of their tokens; at least one document is."""
    shard_tokens: int = Field(default=2**26, ge=1)
    """Tokens a file."""
    workers: int | None = Field(default=None, ge=1)
    """Processes that clean and tokenise; null for one a core. The corpus is the same for any number."""
    deduplicate: bool = True
    """Drop documents whose tokens, which are all that the model reads of them, were there before."""
    near_duplicates: NearDuplicates | None = None
    """Drop documents that differ from an earlier one in a few words only; null keeps them."""


class CorruptCorpusError(UserError):
    """A file of a corpus is missing or is not what the manifest says."""


class Corpus:
    """The train and validation parts of a tokenised corpus.

    Args:
        directory: what :func:`prepare_corpus` wrote.
        verify: compare every file's SHA-256 with the manifest; sizes always are.

    Attributes:
        directory: where it is.
        manifest: sources, cleaning, tokenizer and counts.
        train: the tokens to train on.
        validation: the held-out tokens.
        token_counts: (vocab_size,) int64, how often each id occurs in the train part.

    Raises:
        CorruptCorpusError: the manifest or a file is missing or is not what was written.
    """

    def __init__(self, directory: Path, verify: bool = False) -> None:
        self.directory = Path(directory)
        self.manifest: dict[str, Any] = _read_manifest(self.directory / MANIFEST_FILE)
        parts = [self.manifest["train"], self.manifest["validation"]]
        for entry in [*(shard for part in parts for shard in part["shards"]), self.manifest["token_counts"]]:
            _check_file(self.directory / entry["name"], entry, verify)
        dtype = np.dtype(self.manifest["dtype"])
        self.train, self.validation = (TokenStream(self.directory, part, dtype) for part in parts)
        self.token_counts: np.ndarray = np.load(self.directory / TOKEN_COUNTS_FILE, allow_pickle=False)


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
        _remove_left_overs(directory)
        temporary = directory / f"{target.name}{TEMPORARY_SUFFIX}"
        with writing(target):
            temporary.mkdir()
            try:
                build_corpus(config, built_sources, tokenizer, temporary, progress or NullProgress(), identity)
                _publish(temporary, target)
            finally:
                shutil.rmtree(temporary, ignore_errors=True)
    corpus = Corpus(target)
    logger.info("corpus: %s; kept in %s", _told(corpus.manifest), target)
    return corpus


def _told(manifest: dict[str, Any]) -> str:
    """What became of the documents, in a line."""
    documents = manifest["documents"]
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in documents["dropped"].items() if count)
    parts = (f"{name} {manifest[name]['tokens']:,} tokens" for name in ("train", "validation"))
    return (
        f"{documents['kept']:,} of {documents['read']:,} documents (dropped: {dropped or 'none'}); {', '.join(parts)}"
    )


def _identity(config: CorpusConfig, fingerprints: list[dict[str, Any]], tokenizer: Tokenizer) -> dict[str, Any]:
    """What the corpus is made from, as the manifest tells it, and a digest of that."""
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
    with open(directory / LOCK_FILE, "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            logger.info("waiting for another process that prepares a corpus in %s", directory)
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _remove_left_overs(directory: Path) -> None:
    """Remove what killed runs left; the lock says that nobody is at work."""
    for path in directory.glob(f"*{TEMPORARY_SUFFIX}"):
        if len(path.name) == DIGEST_CHARACTERS + len(TEMPORARY_SUFFIX) and path.is_dir():
            logger.info("removing %s, left over from a run that did not end", path)
            shutil.rmtree(path)


def _publish(temporary: Path, target: Path) -> None:
    """Give a finished corpus its name, in place of a corrupt one if there is one."""
    if target.exists():
        shutil.rmtree(target)
    os.rename(temporary, target)
    descriptor = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # the rename itself
    finally:
        os.close(descriptor)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = read_json(path)
        version = manifest["format_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptCorpusError(f"{path}: cannot be read as a corpus manifest ({error})") from None
    if version != FORMAT_VERSION:
        raise CorruptCorpusError(f"{path}: is of format {version}, expected {FORMAT_VERSION}")
    if manifest.get(CHECKSUM) not in (None, manifest_checksum(manifest)):  # older ones have none
        raise CorruptCorpusError(f"{path}: its content is not what was written (SHA-256 differs)")
    return manifest


def _check_file(path: Path, entry: dict[str, Any], verify: bool) -> None:
    with reading(path):
        if not path.is_file():
            raise CorruptCorpusError(f"{path}: is missing from the corpus")
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise CorruptCorpusError(f"{path}: has {size} bytes, expected {entry['bytes']}")
        if verify and hash_file(path) != entry["sha256"]:
            raise CorruptCorpusError(f"{path}: its content is not what was written (SHA-256 differs)")
