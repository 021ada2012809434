"""Cleaning and tokenising documents, in worker processes and in order."""

from __future__ import annotations

import hashlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import numpy as np

from elmo_xlstm.errors import UserError
from elmo_xlstm.machine import usable_cores
from elmo_xlstm.text.cleaning import Cleaner, CleaningReport, DropReason
from elmo_xlstm.text.duplicates import NearDuplicates
from elmo_xlstm.text.shards import token_dtype
from elmo_xlstm.text.sources.base import Document, SourceSettings
from elmo_xlstm.text.tokenizer import Tokenizer

BATCH_CHARACTERS = 2**18
BATCH_DOCUMENTS = 2**10
# With fewer batches (32 MB of text), starting processes, 0.7 s, would take longer than they save on two cores.
IN_PROCESS_BATCHES = 2**7
BATCHES_IN_FLIGHT_PER_WORKER = 3


@dataclass(frozen=True)
class TokenizedBatch:
    """Documents of one source that cleaning kept, one after another; N documents of T tokens together."""

    tokens: np.ndarray  # (T,) ids; each document is [CLS] pieces [SEP]
    lengths: np.ndarray  # (N,) int64, tokens of each document
    characters: np.ndarray  # (N,) int64, characters of each cleaned text
    hashes: np.ndarray  # (N,) uint64, of each document's tokens
    bands: np.ndarray | None  # (N, bands) uint64, what near-duplicates share, if they are looked for
    report: CleaningReport
    source: int = 0  # its position among all sources


def hash_tokens(ids: Sequence[int]) -> int:
    """A 64-bit hash of a document's tokens, the same on every machine (BLAKE2b).

    Texts that a model cannot tell apart, such as upper-case copies for a lower-casing tokenizer, have the same one.
    """
    return int.from_bytes(hashlib.blake2b(np.array(ids, dtype="<u4").tobytes(), digest_size=8).digest(), "little")


def tokenize_batch(
    documents: Sequence[Document],
    cleaner: Cleaner,
    tokenizer: Tokenizer,
    near_duplicates: NearDuplicates | None = None,
    source: int = 0,
    left_out: int = 0,
) -> TokenizedBatch:
    """Clean and tokenise documents of a source, before or between which some are not in its share."""
    report = CleaningReport(dropped=Counter({DropReason.SHARE: left_out}))
    texts = list(cleaner.clean_documents(documents, report))
    ids = [[tokenizer.bos_id, *pieces, tokenizer.eos_id] for pieces in tokenizer.encode_texts(texts)]
    return TokenizedBatch(
        tokens=np.fromiter(itertools.chain.from_iterable(ids), dtype=token_dtype(tokenizer.vocab_size)),
        lengths=np.array([len(document) for document in ids], dtype=np.int64),
        characters=np.array([len(text) for text in texts], dtype=np.int64),
        hashes=np.array([hash_tokens(document) for document in ids], dtype=np.uint64),
        bands=near_duplicates.bands_of(texts) if near_duplicates else None,
        report=report,
        source=source,
    )


def tokenize_documents(
    sources: Iterable[tuple[SourceSettings, Iterable[Document]]],
    cleaning: Cleaner.Config,
    tokenizer: Tokenizer,
    workers: int | None,
    near_duplicates: NearDuplicates | None = None,
) -> Generator[TokenizedBatch, None, None]:
    """Clean and tokenise the documents of sources in batches, each of one source; in the sources' order.

    Only a few batches are held at a time, so memory does not grow with the number of documents. Those outside a
    source's share are counted as dropped. One worker, and little text, stay in this process; the batches are the same.

    Raises:
        UserError: a source fails, or a worker process dies.
    """
    workers = workers or usable_cores()
    batches = _batched(sources)
    first = list(itertools.islice(batches, IN_PROCESS_BATCHES + 1))
    batches = itertools.chain(first, batches)
    if workers == 1 or len(first) <= IN_PROCESS_BATCHES:
        cleaner = cleaning.build()
        for source, documents, left_out in batches:
            yield tokenize_batch(documents, cleaner, tokenizer, near_duplicates, source, left_out)
        return
    # Spawned rather than forked: the tokenizers library and torch have threads that a fork breaks.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(cleaning, tokenizer, near_duplicates)
    )
    pending: deque[Future[TokenizedBatch]] = deque()
    try:
        for batch in batches:
            pending.append(pool.submit(_work, *batch))
            if len(pending) >= workers * BATCHES_IN_FLIGHT_PER_WORKER:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool:
        raise UserError(
            "a process that tokenises text died; is memory short? Set fewer workers (workers=1 needs no process). "
            "A script of your own must start its work under 'if __name__ == \"__main__\":'"
        ) from None
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _batched(sources: Iterable[tuple[SourceSettings, Iterable[Document]]]) -> Iterator[tuple[int, list[Document], int]]:
    """Position of a source, some of its documents, and how many before or between them are not in its share."""
    for number, (settings, documents) in enumerate(sources):
        batch: list[Document] = []
        characters = left_out = 0
        for document in documents:
            if not settings.uses(document.text):
                left_out += 1
                continue
            batch.append(document)
            characters += len(document.text)
            if characters >= BATCH_CHARACTERS or len(batch) >= BATCH_DOCUMENTS:
                yield number, batch, left_out
                batch, characters, left_out = [], 0, 0
        if batch or left_out:
            yield number, batch, left_out


_worker_parts: tuple[Cleaner, Tokenizer, NearDuplicates | None]


def _start_worker(cleaning: Cleaner.Config, tokenizer: Tokenizer, near_duplicates: NearDuplicates | None) -> None:
    global _worker_parts
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the processes have a core each already
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent gets it too, and ends them
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker_parts = cleaning.build(), tokenizer, near_duplicates


def _end_with_parent() -> None:
    """A killed parent ends no pool: its processes would wait for work for ever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(source: int, documents: list[Document], left_out: int) -> TokenizedBatch:
    return tokenize_batch(documents, *_worker_parts, source, left_out)
