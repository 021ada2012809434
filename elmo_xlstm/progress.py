"""Progress of long work: a bar on a terminal, plain log lines elsewhere, nothing in a library call."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

logger = logging.getLogger(__name__)

LOG_INTERVAL_SECONDS = 30.0


class Work:
    """One piece of work under way; this one shows nothing."""

    def advance(self, n: int = 1, **shown: Any) -> None:
        """Count ``n`` more units as done and show values such as ``loss="3.21"`` beside the count."""


class Progress:
    """Progress of long work; this one shows nothing."""

    @contextmanager
    def task(self, description: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """A piece of work of ``total`` units, ``done`` of them done before."""
        yield Work()


NullProgress = Progress


class _Bar(Work):
    def __init__(self, bars: RichProgress, identifier: TaskID) -> None:
        self._bars, self._identifier = bars, identifier
        self._shown = ""

    def advance(self, n: int = 1, **shown: Any) -> None:
        self._shown = "  ".join(f"{key} {value}" for key, value in shown.items()) or self._shown
        self._bars.update(self._identifier, advance=n, shown=self._shown)


class _Speed(ProgressColumn):
    """Units a second."""

    def render(self, task: Task) -> Text:
        speed = task.finished_speed or task.speed
        return Text(f"{speed:.4g}/s" if speed else "")


class TerminalProgress(Progress):
    """Bars with speed, shown values and estimated time, by rich."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def task(self, description: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """Show the work as a bar."""
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            _Speed(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[shown]}"),
        )
        with RichProgress(*columns, console=self._console) as bars:
            yield _Bar(bars, bars.add_task(description, total=total, completed=done, shown=""))


class _Lines(Work):
    def __init__(self, description: str, total: int | None, done: int) -> None:
        self._description, self._total, self._done, self._before = description, total, done, done
        self._start = self._last = time.monotonic()

    def advance(self, n: int = 1, **shown: Any) -> None:
        self._done += n
        now = time.monotonic()
        if now - self._last < LOG_INTERVAL_SECONDS and self._done != self._total:
            return
        self._last = now
        speed = (self._done - self._before) / max(now - self._start, 1e-9)
        parts = [f"{self._description}: {self._done}" + (f"/{self._total}" if self._total else "")]
        parts.append(f"{speed:.4g}/s")
        if self._total:
            parts.append(f"{(self._total - self._done) / max(speed, 1e-9):.0f} s left")
        logger.info("  ".join(parts + [f"{key} {value}" for key, value in shown.items()]))


class LogProgress(Progress):
    """A log line every half a minute and at the end, for output that is no terminal."""

    @contextmanager
    def task(self, description: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """Log how far the work has come."""
        yield _Lines(description, total, done)


def make_progress(console: Console) -> Progress:
    """Bars if ``console`` is a terminal, log lines otherwise."""
    return TerminalProgress(console) if console.is_terminal else LogProgress()
