from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.cost import BYTES_SENT, assumed_speed, costs, exchanges, measured_speed, told, told_exchanges
from benchmarks.results import read_results
from benchmarks.sizes import SIZES
from elmo_xlstm.lm import BiXLSTM

ROOT = Path(__file__).parents[2]


def test_hours_follow_from_speed_and_devices() -> None:
    one, eight = costs(1e6 / 3.6, efficiency=0.5, devices=[1, 8])  # a billion tokens an hour
    assert one.hours == pytest.approx((1.0, 10.0, 100.0))
    assert eight.tokens_per_second == pytest.approx(4 * one.tokens_per_second)
    assert eight.hours == pytest.approx((0.25, 2.5, 25.0))


def test_the_assumed_speed_is_that_share_of_the_peak() -> None:
    base = SIZES["base"]
    assert assumed_speed(base, peak=716e6 * 1000, mfu=0.5) == pytest.approx(500, rel=1e-3)  # 716 MFLOP a token


def test_the_measured_speed_is_that_of_the_stored_table(tmp_path: Path) -> None:
    assert measured_speed([], SIZES["base"]) is None
    stored = read_results(ROOT / "benchmarks/results")
    found = measured_speed(stored, SIZES["base"])
    assert found is not None and 50 < found[1] < 5000
    [table] = [result for result in stored if result.name == "training-base-cpu"]
    assert found[0] == f"{table.hardware.cpu}, {table.threads} cores"


def test_durations_are_readable() -> None:
    assert told(costs(1e6 / 3.6, 1.0, [1]))[-1] == "| 1 | 277,778 | 1.0 h | 10.0 h | 4 days |"
    assert told(costs(100, 1.0, [1]))[-1] == "| 1 | 100 | 116 days | 3.2 years | 31.7 years |"


def test_an_exchange_takes_as_long_as_its_bytes_and_hides_behind_the_backward_pass() -> None:
    # At base size 295 of 716 MFLOP a token are the soft-max heads', whose gradients come with the forward part.
    for exchange in exchanges(SIZES["base"], tokens_per_second=1000):
        assert exchange.seconds / (exchange.tokens / 1000) == pytest.approx((716 - 295) * 2 / 3 / 716, rel=2e-3)
    tiny = SIZES["tiny"]
    parameters = sum(parameter.numel() for parameter in BiXLSTM(tiny.config()).parameters())
    for exchange in exchanges(tiny, tokens_per_second=3000):
        assert exchange.seconds * exchange.rate * 1e9 == pytest.approx(BYTES_SENT * parameters)
    links = told_exchanges(exchanges(tiny, 1e9), length=100)
    assert len(links) == 5 and all("windows" in line for line in links[2:])


def test_the_page_on_scaling_shows_what_the_command_prints() -> None:
    done = CliRunner().invoke(app, ["cost", "--output", str(ROOT / "benchmarks/results")])
    assert done.exit_code == 0
    page = (ROOT / "docs/scaling.md").read_text(encoding="utf-8")
    tables = re.findall(r"(?:^\|.*\n)+", done.output, flags=re.MULTILINE)
    assert len(tables) == 3
    for table in tables:
        assert table in page
