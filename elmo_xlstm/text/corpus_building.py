"""Building a tokenised corpus, once for each identity of text, settings and tokenizer."""

from __future__ import annotations

import hashlib
import io
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from elmo_xlstm.errors import UserError
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.runs.atomic import write_atomically
from elmo_xlstm.runs.directories import clear_left_overs, publish_directory
from elmo_xlstm.runs.files import writing
from elmo_xlstm.text.cleaning import CleaningReport, DropReason
from elmo_xlstm.text.corpus import (
    CHECKSUM,
    FORMAT_VERSION,
    MANIFEST_FILE,
    TOKEN_COUNTS_FILE,
    Corpus,
    CorpusConfig,
    CorruptCorpusError,
    manifest_checksum,
)
from elmo_xlstm.text.duplicates import SeenHashes
from elmo_xlstm.text.shards import ShardWriter, token_dtype
from elmo_xlstm.text.sources import TextSource
from elmo_xlstm.text.tokenization import TokenizedBatch, tokenize_documents
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
    documents = manifest["documents"]
    dropped = ", ".join(f"{count:,} {reason}" for reason, count in documents["dropped"].items() if count)
    parts = (f"{name} {manifest[name]['tokens']:,} tokens" for name in ("train", "validation"))
    return (
        f"{documents['kept']:,} of {documents['read']:,} documents (dropped: {dropped or 'none'}); {', '.join(parts)}"
    )


def _identity(config: CorpusConfig, fingerprints: list[dict[str, Any]], tokenizer: Tokenizer) -> dict[str, Any]:
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


class _Part:
    """The train or the validation part while it is written."""

    def __init__(self, directory: Path, name: str, shard_tokens: int, dtype: np.dtype, sources: int) -> None:
        self._writer = ShardWriter(directory, name, shard_tokens, dtype)
        self.counts = np.zeros((sources, 3), dtype=np.int64)  # tokens, documents, characters of each source

    def write(self, batch: TokenizedBatch, chosen: np.ndarray, times: int = 1) -> np.ndarray:
        """Append the chosen documents (N,) bool of a batch, all of them so many times; returns all tokens written."""
        tokens = np.tile(batch.tokens[np.repeat(chosen, batch.lengths)], times)
        self._writer.write(tokens)
        documents, characters = int(chosen.sum()), int(batch.characters[chosen].sum())
        self.counts[batch.source] += (len(tokens), times * documents, times * characters)
        return tokens

    def close(self) -> dict[str, Any]:
        return {**_named(self.counts.sum(axis=0)), "shards": self._writer.close()}


def _named(counts: np.ndarray) -> dict[str, int]:
    return dict(zip(("tokens", "documents", "characters"), counts.tolist(), strict=True))


def build_corpus(
    config: CorpusConfig,
    text_sources: Sequence[TextSource],
    tokenizer: Tokenizer,
    directory: Path,
    progress: Progress,
    identity: dict[str, Any],
) -> None:
    """Write shards, token counts and, last, the manifest into an empty directory.

    Documents whose hash lies in the lowest ``validation_fraction`` of all hashes are held out. If
    that is none, which happens with few documents, the one with the lowest hash is. A source's
    ``repeat`` writes each batch of its training documents (a thousand, or 256 thousand characters) so
    many times in a row: training shuffles windows over the whole corpus, and a window is too short for
    two copies of a document unless its source is tiny.
    """
    below = max(1, round(config.validation_fraction * 2**64))
    manifest, lowest = _write_parts(config, text_sources, tokenizer, directory, progress, below)
    if manifest["validation"]["documents"] == 0 and manifest["train"]["documents"] > 1:
        manifest, _ = _write_parts(config, text_sources, tokenizer, directory, progress, lowest + 1)
    _refuse_empty_parts(manifest)
    whole = {**identity, **manifest}
    text = json.dumps({**whole, CHECKSUM: manifest_checksum(whole)}, indent=2, ensure_ascii=False) + "\n"
    write_atomically(directory / MANIFEST_FILE, text.encode())


def _write_parts(
    config: CorpusConfig,
    text_sources: Sequence[TextSource],
    tokenizer: Tokenizer,
    directory: Path,
    progress: Progress,
    validation_below: int,
) -> tuple[dict[str, Any], int]:
    """Write both parts and the counts; returns the manifest's counts and the lowest hash."""
    for stale in directory.iterdir():
        stale.unlink()
    dtype = token_dtype(tokenizer.vocab_size)
    train, validation = (
        _Part(directory, name, config.shard_tokens, dtype, len(text_sources)) for name in ("train", "validation")
    )
    token_counts = np.zeros(tokenizer.vocab_size, dtype=np.int64)
    seen, lowest = SeenHashes(), 2**64 - 1
    seen_bands = [SeenHashes() for _ in range(config.near_duplicates.bands)] if config.near_duplicates else []
    reports = [CleaningReport() for _ in text_sources]
    mixed = zip(config.sources, text_sources, strict=True)
    batches = tokenize_documents(mixed, config.cleaning, tokenizer, config.workers, config.near_duplicates)
    with closing(batches), progress.task("Preparing corpus (documents)") as work:
        for batch in batches:
            report = reports[batch.source]
            report.merge(batch.report)
            used = np.ones(len(batch.hashes), dtype=bool)
            if config.deduplicate:
                used = seen.add(batch.hashes)
                report.drop_kept(DropReason.DUPLICATE, int((~used).sum()))
            if batch.bands is not None and used.any():
                distinct = [known.add(band) for known, band in zip(seen_bands, batch.bands[used].T, strict=True)]
                report.drop_kept(DropReason.NEAR_DUPLICATE, int((~np.all(distinct, axis=0)).sum()))
                used[used] = np.all(distinct, axis=0)
            held_out = batch.hashes <= np.uint64(validation_below - 1)
            lowest = min(lowest, int(batch.hashes.min(initial=2**64 - 1)))
            written = train.write(batch, used & ~held_out, config.sources[batch.source].repeat)
            token_counts += np.bincount(written, minlength=len(token_counts))
            validation.write(batch, used & held_out)
            tokens = int(train.counts[:, 0].sum())
            work.advance(batch.report.read, tokens=tokens)
            if config.max_tokens is not None and tokens >= config.max_tokens:
                break
    buffer = io.BytesIO()
    np.save(buffer, token_counts)
    write_atomically(directory / TOKEN_COUNTS_FILE, buffer.getvalue())
    counts_entry = {"name": TOKEN_COUNTS_FILE, "bytes": buffer.tell()}
    counts_entry["sha256"] = hashlib.sha256(buffer.getvalue()).hexdigest()
    total = CleaningReport()
    for report in reports:
        total.merge(report)
    manifest = {
        "dtype": dtype.str,
        "documents": total.to_dict(),
        "mix": [
            {
                "label": settings.shown,
                "share": settings.share,
                "repeat": settings.repeat,
                "documents": report.to_dict(),
                "train": _named(train.counts[number]),
                "validation": _named(validation.counts[number]),
            }
            for number, (settings, report) in enumerate(zip(config.sources, reports, strict=True))
        ],
        "train": train.close(),
        "validation": validation.close(),
        "token_counts": counts_entry,
    }
    return manifest, lowest


def _refuse_empty_parts(manifest: dict[str, Any]) -> None:
    documents = manifest["documents"]
    dropped = ", ".join(f"{reason} {count}" for reason, count in documents["dropped"].items() if count) or "none"
    seen = f"{documents['read']} documents were read, {documents['kept']} kept (dropped: {dropped})"
    if manifest["train"]["documents"] + manifest["validation"]["documents"] < 2:
        raise UserError(
            f"the corpus needs at least two documents, one to train on and one to validate on; {seen}. Check the "
            "sources, how documents are told apart in them (documents: 'line' or 'blank_line') and min_characters"
        )
    if manifest["train"]["documents"] == 0:
        raise UserError(f"no document is left to train on; {seen}. Lower validation_fraction or give more text")
