from __future__ import annotations

import io
import logging
import re
import time

import pytest
from rich.console import Console

from elmo_xlstm import progress
from elmo_xlstm.progress import LogProgress, NullProgress, TerminalProgress, make_progress


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


def test_log_lines_show_count_speed_time_left_and_values(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "elmo_xlstm.progress"), LogProgress().task("embed", total=200) as work:
        for _ in range(60):
            clock.now += 1
            work.advance(2, loss="3.21")
    assert caplog.messages == [
        "embed: 60/200  2/s  70 s left  loss 3.21",
        "embed: 120/200  2/s  40 s left  loss 3.21",
    ]


def test_the_end_is_always_logged(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "elmo_xlstm.progress"), LogProgress().task("embed", total=4) as work:
        for _ in range(4):
            clock.now += 0.5
            work.advance()
    assert caplog.messages == ["embed: 4/4  2/s  0 s left"]


def test_what_was_done_before_counts_but_not_in_the_speed(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "elmo_xlstm.progress"), LogProgress().task("pretrain", 1000, done=900) as work:
        clock.now += 50
        work.advance(25)
    assert caplog.messages == ["pretrain: 925/1000  0.5/s  150 s left"]


def test_without_a_total_there_is_no_time_left(clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "elmo_xlstm.progress"), LogProgress().task("read") as work:
        clock.now += 40
        work.advance(10)
    assert caplog.messages == ["read: 10  0.25/s"]


@pytest.mark.parametrize("total", [10, None])
def test_bars_show_description_count_and_values(total: int | None) -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, width=120)
    with TerminalProgress(console).task("pretrain", total, done=2) as work:
        work.advance(3, loss="3.2100", tokens="12/s")
        work.advance()  # values stay until there are new ones
        console.print("a message between")
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.getvalue())
    assert "pretrain" in shown and "a message between" in shown
    last = shown.strip().splitlines()[-1]
    assert f"6/{total or '?'}" in last.replace(" ", "") and "loss 3.2100  tokens 12/s" in last


def test_bars_show_units_a_second() -> None:
    output = io.StringIO()
    with TerminalProgress(Console(file=output, force_terminal=True, width=120)).task("embed", 3) as work:
        for _ in range(3):
            work.advance()
            time.sleep(0.02)
    last = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output.getvalue()).strip().splitlines()[-1]
    assert re.search(r"\d/s", last)


def test_one_work_may_follow_another() -> None:
    terminal = TerminalProgress(Console(file=io.StringIO(), force_terminal=True))
    with terminal.task("outer", 2) as outer:
        outer.advance()
    with terminal.task("second", 2) as second:
        second.advance(2)


def test_an_error_inside_work_goes_through() -> None:
    for kind in (NullProgress(), LogProgress(), TerminalProgress(Console(file=io.StringIO(), force_terminal=True))):
        with pytest.raises(ValueError, match="inside"), kind.task("work", 3):
            raise ValueError("inside")


def test_nothing_is_shown_by_default(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), NullProgress().task("work", 1) as work:
        work.advance(1, loss="1")
    assert capsys.readouterr() == ("", "") and not caplog.records


def test_bars_on_a_terminal_and_lines_elsewhere() -> None:
    assert isinstance(make_progress(Console(file=io.StringIO(), force_terminal=True)), TerminalProgress)
    assert isinstance(make_progress(Console(file=io.StringIO(), force_terminal=False)), LogProgress)
