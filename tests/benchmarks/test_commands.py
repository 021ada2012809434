from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from benchmarks import __main__ as command_line
from benchmarks import gpu, memory
from benchmarks.contenders import ELMO, GRAPHS, KERNELS, LSTM, OURS, PACKAGE, SAMPLED, Contender, build_contender
from benchmarks.gpu import measure_gpu, reason_against
from benchmarks.results import PEAK, Result, read_results
from benchmarks.session import Session
from elmo_xlstm.errors import UserError

ROOT = Path(__file__).parents[2]
EAGER = [argument for name in (OURS, SAMPLED, PACKAGE, ELMO, LSTM) for argument in ("--only", name)]


@pytest.fixture(autouse=True)
def _threads_stay():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def call(*arguments: object) -> None:
    command_line.app([str(argument) for argument in arguments], standalone_mode=False)


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o755)
    return path


def contenders(result: Result) -> set[str]:
    return {m.contender for m in result.measurements}


def test_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call("training", "--size", "tiny", "--threads", 1, "--repeats", 2, "--output", tmp_path, *EAGER)
    [result] = read_results(tmp_path)
    assert (result.size, result.device, result.threads, result.repeats) == ("tiny", "cpu", 1, 2)
    assert result.versions["torch"] == torch.__version__
    assert contenders(result) == {OURS, SAMPLED, PACKAGE, ELMO, LSTM, PEAK}
    for measurement in result.measurements:
        assert len(measurement.values) == 2 and min(measurement.values) > 0
        if measurement.contender != PEAK:
            assert measurement.work["tokens"] == 2 * 16
            assert measurement.parameters is not None and measurement.parameters > 1000
            assert result.ratio(measurement) is not None and result.peak_fraction(measurement) is not None
    assert "matrix product" in capsys.readouterr().out


def test_some_contenders_and_other_windows_stand_beside_the_table_of_all(tmp_path: Path) -> None:
    (tmp_path / "training-tiny-cpu.json").write_text("untouched")
    arguments = ("--size", "tiny", "--repeats", 1, "--output", tmp_path, "--only", LSTM, "--precision", "fp32")
    call("training", *arguments, "--batch", 3, "--length", 8, "--part", "lstm")
    assert (tmp_path / "training-tiny-cpu.json").read_text() == "untouched"
    result = Result.model_validate_json((tmp_path / "training-tiny-cpu-lstm.json").read_text())
    assert result.part == "lstm" and contenders(result) == {LSTM, PEAK}
    assert result.measurements[0].work["tokens"] == 3 * 8
    with pytest.raises(UserError, match="--part ../x: is for a file's name"):
        call("training", "--size", "tiny", "--part", "../x", "--output", tmp_path)


def test_memory_in_its_own_process(tmp_path: Path) -> None:
    call("memory", "--size", "tiny", "--repeats", 1, "--threads", 1, "--only", OURS, "--output", tmp_path)
    [result] = read_results(tmp_path)
    [measurement] = result.measurements
    assert measurement.unit == "bytes" and 0 <= measurement.median < 2**30


def test_memory_counts_what_a_step_allocates(session: Session) -> None:
    peak, before = memory.in_this_process(session, SAMPLED)
    assert peak >= before > 10 * 2**20


def test_a_process_that_fails_is_reported_with_its_last_line(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = script(tmp_path / "python", "echo trace >&2; echo no memory >&2; exit 9")
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(UserError, match=r"memory of 'ours': its process ended with status 9 \(no memory\)"):
        memory.measure_memory(replace(session, only=(OURS,)))


def test_gpu_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "LARGEST", 2)
    arguments = ("gpu", "--size", "tiny", "--repeats", 1, "--output", tmp_path, "--device", "cpu")
    call(*arguments, "--only", OURS, "--only", PACKAGE)
    [result] = read_results(tmp_path)
    assert contenders(result) == {OURS, PACKAGE, PEAK}
    assert sum(note.startswith("passed") for note in result.notes) == 12
    assert any(note.startswith("ours: batch ") for note in result.notes)
    monkeypatch.setattr(gpu, "check_device", lambda session: ["FAILED: loss"])
    with pytest.raises(UserError, match="a check failed"):
        call(*arguments, "--only", KERNELS)


def test_a_contender_that_fails_on_the_gpu_takes_nobody_with_it(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "LARGEST", 1)
    monkeypatch.setattr(gpu, "check_device", lambda session: [])
    stored: list[set[str]] = []
    monkeypatch.setattr(gpu, "write_result", lambda result, directory: stored.append(contenders(result)))

    def without_memory(name: str, session: Session) -> Contender:
        if name == SAMPLED:
            raise torch.OutOfMemoryError("out of memory\ntrace")
        return build_contender(name, session)

    monkeypatch.setattr(gpu, "build_contender", without_memory)
    result = measure_gpu(replace(session, only=(OURS, SAMPLED, PACKAGE)))
    assert contenders(result) == {OURS, PACKAGE, PEAK}
    assert f"{SAMPLED}: failed (OutOfMemoryError: out of memory)" in result.notes
    assert stored == [{OURS, PEAK}, {OURS, PACKAGE, PEAK}]  # a call that is cut short keeps the first
    assert measure_gpu(replace(session, only=(SAMPLED,))).measurements == []


def test_contenders_that_need_a_gpu_are_left_out_with_the_reason(session: Session) -> None:
    assert reason_against(session, OURS) is None
    assert reason_against(session, GRAPHS) == "CUDA graphs need a GPU"
    assert reason_against(session, KERNELS) is not None
    with pytest.raises(UserError, match="NXAI Community License"):
        build_contender(KERNELS, session)


def test_a_device_that_is_not_there_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks", "training", "--device", "nowhere"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 1
    assert "error: --device nowhere: cannot be used" in capsys.readouterr().err


def test_the_gpu_script_fetches_and_installs_the_pinned_versions_and_fails_with_the_checks(tmp_path: Path) -> None:
    calls = tmp_path / "calls"
    (tmp_path / "pydantic_core-1.0-py3-none-any.whl").touch()  # of another version
    python = script(tmp_path / "python", f'echo "$@" >> {calls}; echo done; [[ "$*" != *fail* ]]')
    environment = {**os.environ, "PYTHON": str(python), "WHEELS": str(tmp_path), "OUT": str(tmp_path / "out")}

    def start(*arguments: str) -> int:
        command = ["bash", str(ROOT / "benchmarks" / "gpu.sh"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True).returncode

    assert start("--repeats", "3", "--only", "ours, compiled") == 0
    assert start("--fetch-wheels") == 0
    install, benchmark, fetch = calls.read_text().splitlines()
    constraints = (ROOT / "constraints.txt").read_text(encoding="utf-8")
    pins = [line.partition(";")[0] for line in constraints.splitlines() if line.startswith("pydantic")]
    assert len(pins) == 2 and all(pin in install.split() and pin in fetch.split() for pin in pins)
    assert benchmark == f"-m benchmarks gpu --output {tmp_path / 'out'} --repeats 3 --only ours, compiled"
    assert (tmp_path / "out" / "gpu.log").read_text().endswith("done\n")
    assert start("fail") != 0
