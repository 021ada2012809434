from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from benchmarks import busy
from benchmarks.busy import ALONE, BESIDE, SPINNING, WAITING, busy_process, measure_busy
from benchmarks.contenders import OURS
from benchmarks.session import Session
from elmo_xlstm.machine import WAITING as VARIABLES


def test_each_way_of_waiting_is_measured_alone_and_beside_a_busy_process(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Any] = []

    def timed(module: str, arguments: list[Any], what: str, environment: dict[str, str]) -> float:
        assert module == "benchmarks.busy" and arguments == ["tiny", 2]
        started.append(environment)
        return float(len(started))

    monkeypatch.setattr(busy, "in_own_process", timed)
    result = measure_busy(replace(session, threads=2))
    assert started == 2 * 2 * [WAITING[OURS], WAITING[SPINNING]]
    assert {variable for way in WAITING.values() for variable in way} == set(VARIABLES)
    assert [(m.case["beside"], m.contender, m.values) for m in result.measurements] == [
        (ALONE, OURS, [1.0, 5.0]),
        (ALONE, SPINNING, [2.0, 6.0]),
        (BESIDE, OURS, [3.0, 7.0]),
        (BESIDE, SPINNING, [4.0, 8.0]),
    ]
    assert result.ratio(result.measurements[2]) == pytest.approx(6 / 5)


def test_the_busy_process_ends_with_the_block() -> None:
    with busy_process() as process:
        assert process.poll() is None
    assert process.poll() is not None


def test_a_step_is_timed(capsys: pytest.CaptureFixture[str]) -> None:
    busy.main(json.dumps(["tiny", 1]))
    assert json.loads(capsys.readouterr().out) > 0
