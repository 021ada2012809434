"""Memory and open files of a process that trains and embeds for a long time."""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmarks.process import resident
from benchmarks.sentences import SAMPLE, make_tokenizer, read_sentences
from elmo_xlstm.config import validate
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.pretraining import Pretraining
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.text import prepare_corpus

STEPS_A_REQUEST = 4
# Allocators settle for a while; a leak of one small tensor a step is more than this.
LARGEST_MB_AN_HOUR = 8.0
LARGEST_FILES_AN_HOUR = 2.0
SHARE_OF_WARMING_UP = 0.25


class Sample(NamedTuple):
    """Memory and open files of the process at one moment."""

    seconds: float
    """Since the start."""
    megabytes: float
    """Resident memory."""
    files: int
    rounds: int
    """Steps done by then."""


class Slopes(NamedTuple):
    """Growth an hour after warming up, by least squares."""

    megabytes: float
    files: float
    seconds: float
    """Time that was looked at."""

    def problems(self) -> list[str]:
        """Growth beyond the limits and the noise of measuring: one megabyte, and a file, whatever the time."""
        slack = 3600 / max(self.seconds, 1.0)
        found = []
        if self.megabytes > LARGEST_MB_AN_HOUR + slack:
            found.append(f"memory grows by {self.megabytes:.1f} MB an hour")
        if self.files > LARGEST_FILES_AN_HOUR + slack:
            found.append(f"open files grow by {self.files:.1f} an hour")
        return found


def slopes(samples: list[Sample]) -> Slopes:
    """Growth after the first quarter of the time."""
    end = samples[-1].seconds
    kept = [sample for sample in samples if sample.seconds >= SHARE_OF_WARMING_UP * end]
    if len(kept) < 3:
        return Slopes(0.0, 0.0, 0.0)
    hours = np.array([sample.seconds for sample in kept]) / 3600
    held = [(sample.megabytes, sample.files) for sample in kept]
    memory, files = np.polyfit(hours, held, 1)[0].tolist()
    return Slopes(memory, files, kept[-1].seconds - kept[0].seconds)


class _Enough(Exception):
    """The time is over."""


class Watcher:
    """Takes the place of a pretraining's progress bar: embeds between its steps, looks at the process, and ends it.

    Args:
        embed: a request for word vectors; called after every few steps.
        seconds: how long the run may take.
        every: seconds between two looks.
    """

    def __init__(self, embed: Callable[[], None], seconds: float, every: float) -> None:
        self.samples: list[Sample] = []
        self._embed, self._seconds, self._every = embed, seconds, every
        self._start = self._last = time.monotonic()
        self._steps = 0

    @contextmanager
    def task(self, description: str, total: int | None = None, done: int = 0) -> Iterator[Watcher]:
        """See :class:`elmo_xlstm.progress.Progress`."""
        yield self

    def advance(self, n: int = 1, **shown: Any) -> None:
        """See :class:`elmo_xlstm.progress.Work`; called after each step."""
        if n == 0:  # only shows something
            return
        self._steps += n
        if self._steps % STEPS_A_REQUEST == 0:
            self._embed()
        now = time.monotonic()
        if now - self._last >= self._every:
            self._last = now
            gc.collect()
            files = len(os.listdir("/proc/self/fd"))
            self.samples.append(Sample(now - self._start, resident() / 2**20, files, self._steps))
        if now - self._start >= self._seconds:
            raise _Enough


def soak(seconds: float, every: float = 1.0) -> list[Sample]:
    """Pretrain a tiny model, checkpoints and validations included, and embed sentences with another meanwhile.

    Args:
        seconds: how long.
        every: seconds between two looks at memory and open files.
    """
    sentences = read_sentences(None)
    tokenizer = make_tokenizer(1000, sentences)
    model: dict[str, Any] = {"embedding_dim": 32, "num_blocks": 2, "num_heads": 2, "context_length": 64}
    embedder = ElmoEmbedder(BiXLSTM(BiXLSTMConfig(vocab_size=tokenizer.vocab_size, **model)), tokenizer)
    generator = np.random.default_rng(0)

    def embed() -> None:
        chosen = generator.choice(len(sentences), generator.integers(1, 9), replace=False)  # requests differ in size
        embedder([sentences[index] for index in chosen])

    with tempfile.TemporaryDirectory() as directory:
        tokenizer.save(Path(directory, "tokenizer"))
        values = {
            "tokenizer": {"name": f"{directory}/tokenizer", "lower_case": True},
            "corpus": {"sources": [{"type": "local", "paths": [str(SAMPLE / "text" / "running.txt")]}], "workers": 1},
            "corpus_directory": f"{directory}/corpus",
            "model": model,
            "training": {"max_steps": 10**9, "batch_size": 2, "validate_every": 100, "validation_tokens": 256},
        }
        settings = validate(PretrainSettings, values)
        corpus = prepare_corpus(settings.corpus, tokenizer, Path(settings.corpus_directory))
        watcher = Watcher(embed, seconds, every)
        with suppress(_Enough):
            Pretraining(settings, tokenizer, corpus, Path(directory)).run(progress=watcher)
    return watcher.samples


def summary(samples: list[Sample], growth: Slopes) -> str:
    """Begin, end and growth in a line."""
    first, last = samples[0], samples[-1]
    return (
        f"{last.seconds / 60:.1f} minutes, {last.rounds:,} steps: memory {first.megabytes:.0f} to {last.megabytes:.0f} "
        f"MB ({growth.megabytes:+.1f} MB an hour after the first quarter), open files {first.files} to {last.files} "
        f"({growth.files:+.1f} an hour)"
    )
