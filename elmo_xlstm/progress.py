"""Progress of long work: a bar on a terminal, plain log lines elsewhere, nothing in a library call."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress
from rich.text import Text

logger = logging.getLogger(__name__)

LOG_INTERVAL_SECONDS = 30.0


class Work:
    """One piece of work under way, shown by a function of the units done and the values beside them, or by nothing."""

    def __init__(self, show: Callable[[int, dict[str, Any]], None] | None = None) -> None:
        self._show = show

    def advance(self, n: int = 1, **shown: Any) -> None:
        """Count ``n`` more units as done and show values such as ``loss="3.21"`` beside the count."""
        if self._show is not None:
            self._show(n, shown)


class Progress:
    """Progress of long work; this one shows nothing."""

    @contextmanager
    def task(self, description: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """A piece of work of ``total`` units, ``done`` of them done before."""
        yield Work()


NullProgress = Progress


class _Speed(ProgressColumn):
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
            bar = bars.add_task(description, total=total, completed=done, shown="")

            def show(n: int, shown: dict[str, Any]) -> None:
                text = "  ".join(f"{key} {value}" for key, value in shown.items())
                values: dict[str, Any] = {"shown": text} if shown else {}
                bars.update(bar, advance=n, **values)

            yield Work(show)


class LogProgress(Progress):
    """A log line every half a minute and at the end, for output that is no terminal."""

    @contextmanager
    def task(self, description: str, total: int | None = None, done: int = 0) -> Iterator[Work]:
        """Log how far the work has come."""
        before = done
        start = last = time.monotonic()

        def show(n: int, shown: dict[str, Any]) -> None:
            nonlocal done, last
            done += n
            now = time.monotonic()
            if now - last < LOG_INTERVAL_SECONDS and done != total:
                return
            last = now
            speed = (done - before) / max(now - start, 1e-9)
            parts = [f"{description}: {done}" + (f"/{total}" if total else ""), f"{speed:.4g}/s"]
            parts += [f"{(total - done) / max(speed, 1e-9):.0f} s left"] if total else []
            logger.info("  ".join(parts + [f"{key} {value}" for key, value in shown.items()]))

        yield Work(show)


def make_progress(console: Console) -> Progress:
    """Bars if ``console`` is a terminal, log lines otherwise."""
    return TerminalProgress(console) if console.is_terminal else LogProgress()
