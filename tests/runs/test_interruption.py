from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from elmo_xlstm.runs import interruption
from elmo_xlstm.runs.interruption import Interrupted, finishing_step, stop_requested, terminable


@pytest.fixture(autouse=True)
def _handled_as_in_a_terminal() -> Iterator[None]:
    """Whoever started the tests may have had signals ignored: a shell does so with Ctrl-C for what ends in ``&``."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_leaves_a_note_and_the_block_goes_on(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    done = []
    with pytest.raises(Interrupted) as caught, finishing_step():
        os.kill(os.getpid(), number)
        done.append(stop_requested())
        raise Interrupted(stop_requested(), "all is saved")
    assert done == [number] and caught.value.code == 128 + number
    assert str(caught.value).startswith("stopped by ") and str(caught.value).endswith("; all is saved")
    assert stop_requested() == 0 and signal.getsignal(number) == before


def test_a_note_that_nobody_looked_at_is_not_lost() -> None:
    with pytest.raises(Interrupted), finishing_step():
        os.kill(os.getpid(), signal.SIGTERM)


def test_an_inner_block_leaves_the_note_to_the_outer_one() -> None:
    seen = []
    with pytest.raises(Interrupted), finishing_step():
        with finishing_step():
            os.kill(os.getpid(), signal.SIGTERM)
        seen.append(stop_requested())
    assert seen == [signal.SIGTERM]


def test_a_second_signal_ends_the_block_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interruption, "SAME_STOP_SECONDS", 0.0)
    reached = []
    with pytest.raises(Interrupted), finishing_step():
        os.kill(os.getpid(), signal.SIGTERM)
        reached.append(1)
        os.kill(os.getpid(), signal.SIGTERM)
        reached.append(2)
    assert reached == [1]


def test_what_a_launcher_passes_on_twice_counts_once() -> None:
    with pytest.raises(Interrupted, match="saved"), finishing_step():
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        raise Interrupted(stop_requested(), "saved")


def test_a_command_started_in_the_background_ignores_ctrl_c_and_takes_sigterm() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell does with &
    try:
        with pytest.raises(Interrupted) as caught, finishing_step():
            os.kill(os.getpid(), signal.SIGINT)
            assert stop_requested() == 0
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        signal.signal(signal.SIGINT, before)
    assert caught.value.number == signal.SIGTERM


def test_without_a_step_under_way_sigterm_ends_at_once_and_clears_up() -> None:
    cleared = []
    with pytest.raises(Interrupted), terminable():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            pytest.fail("it went on")
        finally:
            cleared.append(True)
    assert cleared == [True] and signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_other_threads_are_left_alone() -> None:
    ended = []

    def work() -> None:
        with finishing_step(), terminable():
            ended.append(stop_requested())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert ended == [0]


def test_the_exit_status_of_a_process_is_the_usual_one() -> None:
    code = (
        "import os, signal\nfrom elmo_xlstm.runs.interruption import terminable\n"
        "with terminable():\n    os.kill(os.getpid(), signal.SIGTERM)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2])
    assert done.returncode == 143
