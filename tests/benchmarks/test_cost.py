from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import RESULTS
from benchmarks.cost import BYTES_SENT, assumed_speed, cost_tables, exchange, hours_table, measured_speed
from benchmarks.results import read_results
from benchmarks.sizes import SIZES
from elmo_xlstm.lm import BiXLSTM

ROOT = Path(__file__).parents[2]


def test_hours_follow_from_speed_and_devices() -> None:
    rows = hours_table(1e6 / 3.6, 0.5, [1, 8]).splitlines()[2:]  # a billion tokens an hour
    assert rows == ["| 1 | 277,778 | 1.0 h | 10.0 h | 4 days |", "| 8 | 1,111,111 | 15 min | 2.5 h | 25.0 h |"]
    assert hours_table(100, 1.0, [1]).splitlines()[-1] == "| 1 | 100 | 116 days | 3.2 years | 31.7 years |"


def test_the_assumed_speed_is_that_share_of_the_peak() -> None:
    base = SIZES["base"]
    assert assumed_speed(base, peak=716e6 * 1000, mfu=0.5) == pytest.approx(500, rel=1e-3)  # 716 MFLOP a token


def test_the_measured_speed_is_that_of_the_stored_table() -> None:
    stored = read_results(ROOT / RESULTS)
    speed = measured_speed(stored, SIZES["base"])
    assert speed is not None and 50 < speed < 5000
    assert measured_speed([], SIZES["base"]) is None
    assert cost_tables([], SIZES["tiny"], 1e12, 0.3, 0.9).keys() == {"cost-gpu", "cost-links"}


def test_an_exchange_takes_as_long_as_its_bytes_and_hides_behind_the_backward_pass() -> None:
    # At base size 295 of 716 MFLOP a token are the soft-max heads', whose gradients come with the forward part.
    seconds, tokens = exchange(SIZES["base"], 100.0, tokens_per_second=1000)
    assert seconds / (tokens / 1000) == pytest.approx((716 - 295) * 2 / 3 / 716, rel=2e-3)
    parameters = sum(parameter.numel() for parameter in BiXLSTM(SIZES["tiny"].config()).parameters())
    seconds, _ = exchange(SIZES["tiny"], 100.0, tokens_per_second=3000)
    assert seconds * 100e9 == pytest.approx(BYTES_SENT * parameters)
