"""Stopping when a signal asks for it: after the step under way, with all that was done saved."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

# A launcher and the terminal may both pass on what the user has pressed once.
SAME_STOP_SECONDS = 1.0


class Interrupted(SystemExit):
    """A signal has ended the work; as the end of a process, exit status 128 + signal.

    Attributes:
        resumable: whether there is a run for ``--resume`` to go on with.
    """

    def __init__(self, number: int, saved: str = "") -> None:
        super().__init__(128 + number)
        self.number = number
        self.saved = saved
        self.resumable = False

    def __str__(self) -> str:
        name = "Ctrl-C" if self.number == signal.SIGINT else signal.Signals(self.number).name
        return f"stopped by {name}" + (f"; {self.saved}" if self.saved else "")


_asked = 0
_since = 0.0
_depth = 0


def stop_requested() -> int:
    """The number of the signal that has asked to stop since :func:`finishing_step` was entered; 0 if none has."""
    return _asked


@contextmanager
def finishing_step() -> Iterator[None]:
    """Within the block SIGTERM and Ctrl-C only leave a note, which :func:`stop_requested` tells; a second ends at once.

    The block looks at the note between steps, saves what there is and raises :class:`Interrupted`; if it ends without
    having looked, that is raised here. Signals that are ignored stay so: a shell that starts a command in the
    background ignores Ctrl-C for it. In another thread than the main one, which alone gets signals, nothing changes.
    """
    global _asked, _depth
    if _depth == 0:
        _asked = 0
    _depth += 1
    try:
        with _handling(_note, signal.SIGTERM, signal.SIGINT):
            yield
        if _depth == 1 and _asked and threading.current_thread() is threading.main_thread():
            raise Interrupted(_asked)
    finally:
        _depth -= 1
        if _depth == 0:
            _asked = 0


@contextmanager
def terminable() -> Iterator[None]:
    """Within the block SIGTERM raises :class:`Interrupted`, so that what is half-written is cleared away."""
    with _handling(_end, signal.SIGTERM):
        yield


@contextmanager
def resumable() -> Iterator[None]:
    """Within the block an interruption, KeyboardInterrupt too, leaves a run that ``--resume`` goes on with."""
    try:
        yield
    except KeyboardInterrupt:
        end = Interrupted(signal.SIGINT)
        end.resumable = True
        raise end from None
    except Interrupted as end:
        end.resumable = True
        raise


def _note(number: int, _: FrameType | None) -> None:
    global _asked, _since
    now = time.monotonic()
    if not _asked:
        _asked, _since = number, now
        if os.environ.get("RANK", "0") == "0":  # once for all processes
            os.write(2, b"\nstopping after this step; once more stops at once\n")  # safe within a handler
    elif now - _since >= SAME_STOP_SECONDS:
        _end(number, None)


def _end(number: int, _: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)  # the next one needs no help of ours
    raise Interrupted(number)


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], Any], *numbers: signal.Signals) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in numbers}
    ours = {number: old for number, old in before.items() if old not in (signal.SIG_IGN, None)}
    try:
        for number in ours:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in ours.items():
            signal.signal(number, old)
