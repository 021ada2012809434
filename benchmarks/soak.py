"""Memory and open files of a process that trains and embeds for a long time."""

from __future__ import annotations

import gc
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.sentences import SAMPLE, make_tokenizer, read_sentences
from elmo_xlstm.config import validate
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.pretraining import Pretraining
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.progress import Progress, Work
from elmo_xlstm.text import prepare_corpus

STEPS_A_REQUEST = 4
# What a process may gain: allocators settle for a while, and a leak of one small tensor a step is more than this.
LARGEST_MB_AN_HOUR = 8.0
LARGEST_FILES_AN_HOUR = 2.0
SHARE_OF_WARMING_UP = 0.25


@dataclass(frozen=True)
class Sample:
    """What the process held at one moment.

    Attributes:
        seconds: since the start.
        megabytes: resident memory.
        files: open ones.
        rounds: steps done by then.
    """

    seconds: float
    megabytes: float
    files: int
    rounds: int


@dataclass(frozen=True)
class Slopes:
    """How memory and open files grow after warming up, by least squares.

    Attributes:
        megabytes: an hour.
        files: an hour.
        seconds: that were looked at.
    """

    megabytes: float
    files: float
    seconds: float

    def problems(self) -> list[str]:
        """What grows more than it may; in a short soak the noise of measuring may be as much."""
        slack = 3600 / max(self.seconds, 1.0)  # one megabyte, and a file, whatever the time
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
    memory = float(np.polyfit(hours, [sample.megabytes for sample in kept], 1)[0])
    files = float(np.polyfit(hours, [sample.files for sample in kept], 1)[0])
    return Slopes(memory, files, kept[-1].seconds - kept[0].seconds)


def held() -> tuple[float, int]:
    """Resident megabytes and open files of this process, as Linux tells them."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20, len(os.listdir("/proc/self/fd"))


class _Enough(Exception):
    """The time is over."""


class Watcher(Progress, Work):
    """Stands for the progress of a pretraining run: embeds between its steps, looks at the process, and ends it.

    Args:
        embed: a request for word vectors; called after every few steps.
        seconds: how long the run may take.
        every: seconds between two looks.
        clock: seconds.
    """

    def __init__(
        self, embed: Callable[[], None], seconds: float, every: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.samples: list[Sample] = []
        self._embed, self._seconds, self._every, self._clock = embed, seconds, every, clock
        self._start = self._last = clock()
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
        now = self._clock()
        if now - self._last >= self._every:
            self._last = now
            gc.collect()
            self.samples.append(Sample(now - self._start, *held(), self._steps))
        if now - self._start >= self._seconds:
            raise _Enough


def soak(seconds: float, every: float = 1.0) -> list[Sample]:
    """Pretrain a tiny model, checkpoints and validations included, and embed sentences with another meanwhile.

    Args:
        seconds: how long.
        every: seconds between two looks at memory and open files.
    """
    sentences = read_sentences(None)
    tokenizer = make_tokenizer(None, 1000, sentences)
    model: dict[str, Any] = {"embedding_dim": 32, "num_blocks": 2, "num_heads": 2, "context_length": 64}
    config = BiXLSTMConfig(vocab_size=tokenizer.vocab_size, **model)
    embedder = ElmoEmbedder(BiXLSTM(config), tokenizer)
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
        place = Path(settings.corpus_directory)
        corpus = prepare_corpus(settings.corpus, tokenizer, place)
        watcher = Watcher(embed, seconds, every)
        try:
            Pretraining(settings, tokenizer, corpus, Path(directory)).run(progress=watcher)
        except _Enough:
            pass
    return watcher.samples


def told(samples: list[Sample], growth: Slopes) -> str:
    """Begin, end and growth in a line."""
    first, last = samples[0], samples[-1]
    return (
        f"{last.seconds / 60:.1f} minutes, {last.rounds:,} steps: memory {first.megabytes:.0f} to {last.megabytes:.0f} "
        f"MB ({growth.megabytes:+.1f} MB an hour after the first quarter), open files {first.files} to {last.files} "
        f"({growth.files:+.1f} an hour)"
    )
