from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import __main__ as command_line
from benchmarks import memory, quality
from benchmarks.contenders import ELMO, GRAPHS, KERNELS, LSTM, OURS, PACKAGE, SAMPLED, Contender, Contenders
from benchmarks.gpu import measure_gpu, reason_against
from benchmarks.machine import BY_PARTS, WHOLE
from benchmarks.results import PEAK, Result, read_results
from benchmarks.sentences import make_tokenizer
from benchmarks.session import Session
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.optimization import OptimizerSettings

ROOT = Path(__file__).parents[2]
FP32 = {"precision": "fp32"}
EAGER = [argument for name in (OURS, SAMPLED, PACKAGE, ELMO, LSTM) for argument in ("--only", name)]


@pytest.fixture(autouse=True)
def _threads_stay():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def call(*arguments: object) -> None:
    command_line.app([str(argument) for argument in arguments], standalone_mode=False)


def run(command: str, output: Path, *arguments: object) -> Result:
    call(command, "--size", "tiny", "--threads", 1, "--repeats", 2, "--output", output, *arguments)
    [result] = [result for result in read_results(output) if result.command == command]
    assert (result.size, result.device, result.threads, result.repeats) == ("tiny", "cpu", 1, 2)
    assert result.versions["torch"] == torch.__version__
    assert all(len(m.values) == 2 and min(m.values) >= 0 for m in result.measurements)
    return result


def script(path: Path, body: str) -> Path:
    path.write_text(f"#!/usr/bin/env bash\n{body}\n")
    path.chmod(0o755)
    return path


def contenders(result: Result) -> set[str]:
    return {m.contender for m in result.measurements}


def test_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    result = run("machine", tmp_path)
    assert contenders(result) == {PEAK, WHOLE, BY_PARTS, "memory copy"}
    assert "memory copy" in capsys.readouterr().out


def test_training(tmp_path: Path):
    result = run("training", tmp_path, *EAGER)
    assert contenders(result) == {OURS, SAMPLED, PACKAGE, ELMO, LSTM, PEAK}
    for measurement in result.measurements:
        if measurement.contender != PEAK:
            assert measurement.work["tokens"] == 2 * 16
            assert measurement.parameters is not None and measurement.parameters > 1000
            assert result.ratio(measurement) is not None and result.peak_fraction(measurement) is not None


def test_some_contenders_stand_beside_the_table_of_all(tmp_path: Path) -> None:
    run("training", tmp_path, "--only", OURS)
    before = (tmp_path / "training-tiny-cpu.json").read_bytes()
    call("training", "--size", "tiny", "--repeats", 1, "--output", tmp_path, "--only", LSTM, "--part", "lstm")
    part, whole = read_results(tmp_path)
    assert (tmp_path / "training-tiny-cpu.json").read_bytes() == before
    assert (whole.part, part.part, part.name) == ("", "lstm", "training-tiny-cpu-lstm")
    assert contenders(part) == {LSTM, PEAK}
    call("report", "--output", tmp_path, "--page", tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text(encoding="utf-8")
    assert page.index("## Training step: tiny, cpu\n") < page.index("## Training step: tiny, cpu, lstm\n")
    assert "(page/training-tiny-cpu-lstm.png)" in page and (tmp_path / "page/training-tiny-cpu-lstm.png").exists()
    with pytest.raises(UserError, match="--part ../x: is for a file's name"):
        call("training", "--size", "tiny", "--part", "../x", "--output", tmp_path)


def test_batch_and_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    result = run("batch", tmp_path)
    assert contenders(result) == {OURS, SAMPLED, PACKAGE, LSTM}
    found = [(m.case["batch"], m.work["tokens"]) for m in result.measurements if m.contender == PACKAGE]
    assert found == [(1, 16), (2, 32)]
    lengths = {8: 32.0, 16: 32.0, 32: 32.0}  # tokens by length
    for command in ("length", "training-length"):
        result = run(command, tmp_path)
        for name in contenders(result):
            assert {m.case["length"]: m.work["tokens"] for m in result.measurements if m.contender == name} == lengths
        assert contenders(result) >= {OURS, PACKAGE, LSTM}
    monkeypatch.setattr(Session, "free_bytes", lambda self: 50_000.0)
    result = run("length", tmp_path)
    assert [m.case["length"] for m in result.measurements if m.contender == PACKAGE] == [8]
    left_out = [note.split(",")[0] for note in result.notes if note.startswith(PACKAGE)]
    assert left_out == [f"{PACKAGE}: left out at length {n}" for n in (16, 32)]
    result = run("training-length", tmp_path)
    assert contenders(result) == {OURS, SAMPLED, LSTM}
    left_out = [note for note in result.notes if note.startswith(PACKAGE)]
    assert [note.split(",")[0] for note in left_out] == [f"{PACKAGE}: left out at length {n}" for n in lengths]


def test_embedding_and_store(sentences_file: Path, tmp_path: Path):
    output = tmp_path / "results"
    chosen = [argument for name in (OURS, PACKAGE, "BERT") for argument in ("--only", name)]
    result = run("embedding", output, "--sentences", sentences_file, *chosen)
    [ours] = [m for m in result.measurements if m.contender == OURS and m.case == {"input": "sentences"}]
    assert ours.work["words"] == 8
    assert "3 sentences, 8 words" in result.notes[0]
    source = "/".join(sentences_file.parts[-2:])
    assert result.notes[-1] == f"the sentences are those of {source}"
    result = run("store", output, "--sentences", sentences_file, "--most", 2)
    assert len(result.measurements) == 9
    assert result.notes[-1] == f"the sentences are those of {source}"
    assert "2 distinct sentences" in result.notes[0] and "of its time on reading features" in result.notes[1]


def test_memory_in_its_own_process(tmp_path: Path):
    call("memory", "--size", "tiny", "--repeats", 1, "--threads", 1, "--only", OURS, "--output", tmp_path)
    [result] = read_results(tmp_path)
    [measurement] = result.measurements
    assert measurement.unit == "bytes" and 0 <= measurement.median < 2**30


def test_memory_by_length_gives_each_process_its_windows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    sizes = []

    def held(module: str, arguments: list[Any], what: str) -> tuple[float, float]:
        _, batch, length, contender, *_ = arguments
        sizes.append((contender, batch, length))
        return float(length), 0.0

    monkeypatch.setattr(memory, "in_own_process", held)
    result = run("memory-length", tmp_path, "--only", OURS, "--only", PACKAGE)
    shapes = [(4, 8), (2, 16), (1, 32)]
    assert sizes == [(name, *shape) for shape in shapes for name in (OURS, PACKAGE) for _ in range(2)]
    assert [m.median for m in result.measurements] == [8, 8, 16, 16, 32, 32]
    monkeypatch.setattr(Session, "free_bytes", lambda self: 0.0)
    result = run("memory-length", tmp_path)
    assert contenders(result) == {OURS, SAMPLED, LSTM} and "left out at length 8, where" in result.notes[0]


def test_memory_counts_what_a_step_allocates(session: Session):
    peak, before = memory.in_this_process(session, SAMPLED)
    assert peak >= before > 10 * 2**20


def test_a_process_that_fails_is_reported_with_its_last_line(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(
        sys, "executable", str(script(tmp_path / "python", "echo trace >&2; echo no memory >&2; exit 9"))
    )
    with pytest.raises(UserError, match=r"memory of 'ours': its process ended with status 9 \(no memory\)"):
        memory.measure_memory(replace(session, only=(OURS,)))


def test_gpu_on_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("benchmarks.gpu.LARGEST", 2)
    result = run("gpu", tmp_path, "--device", "cpu", "--only", OURS, "--only", PACKAGE)
    assert contenders(result) == {OURS, PACKAGE, PEAK}
    assert sum(note.startswith("passed") for note in result.notes) == 9
    assert any(note.startswith("ours: batch ") for note in result.notes)


def test_a_contender_that_fails_on_the_gpu_takes_nobody_with_it(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("benchmarks.gpu.LARGEST", 1)
    build = Contenders.build

    def without_memory(self: Contenders, names: tuple[str, ...]) -> list[Contender]:
        if names == (SAMPLED,):
            raise torch.OutOfMemoryError("out of memory\ntrace")
        return build(self, names)

    monkeypatch.setattr(Contenders, "build", without_memory)
    kept: list[Result] = []
    result, passed = measure_gpu(replace(session, only=(OURS, SAMPLED, PACKAGE)), kept.append)
    assert passed and contenders(result) == {OURS, PACKAGE, PEAK}
    assert f"{SAMPLED}: failed (OutOfMemoryError: out of memory)" in result.notes
    assert [contenders(found) for found in kept] == [{OURS, PEAK}, {OURS, PACKAGE, PEAK}]
    monkeypatch.setattr(Contenders, "build", lambda self, names: [][0])
    result, _ = measure_gpu(replace(session, only=(OURS,)), kept.append)
    assert result.measurements == [] and len(kept) == 2


def test_softmax(tmp_path: Path):
    result = run("softmax", tmp_path)
    assert contenders(result) == {"ours, in chunks", "torch, all logits", PEAK}
    within = {
        note.split(":")[0]: float(note.split("within ")[1].split()[0]) for note in result.notes if "within" in note
    }
    assert within["ours, in chunks, fp32"] < 1e-5
    assert any(note.startswith("liger-kernel, fp32: left out (needs a GPU)") for note in result.notes)


def test_what_needs_a_gpu_is_left_out_with_the_reason(session: Session):
    assert reason_against(session, OURS) is None
    assert reason_against(session, GRAPHS) == "CUDA graphs need a GPU"
    assert reason_against(session, KERNELS) is not None
    with pytest.raises(UserError, match="NXAI Community License"):
        Contenders(session).build((KERNELS,))


def test_report(tmp_path: Path):
    run("machine", tmp_path)
    call("report", "--output", tmp_path, "--page", tmp_path / "page.md")
    assert "## Machine: tiny, cpu" in (tmp_path / "page.md").read_text()
    assert (tmp_path / "page" / "machine-tiny-cpu.png").exists()


def test_quality(tmp_path: Path):
    output = tmp_path / "results"
    arguments = ["--size", "tiny", "--threads", 1, "--steps", 3, "--samples", 20, "--samples", 200]
    call("quality", *arguments, "--validation-tokens", 300, "--output", output)
    [result] = read_results(output)
    assert [m.contender for m in result.measurements] == ["full", "sampled, 20", "sampled, 200", "adaptive"]
    assert result.repeats == 3 and "3 steps of 32 tokens" in result.notes[0] and "on 300 held-out" in result.notes[1]
    costs = [m.work["flops"] for m in result.measurements]
    assert costs[0] > costs[2] > costs[3] > costs[1]
    parameters = [m.parameters or 0 for m in result.measurements]
    assert parameters[3] - 2 * 3 * 32 == parameters[0] == parameters[1] == parameters[2]
    for m in result.measurements:
        assert len(m.values) == 3 and m.scores["seconds of training"] == pytest.approx(sum(m.values))
        assert m.scores["perplexity"] ** 2 == pytest.approx(m.scores["forward"] * m.scores["backward"])
        assert m.case == {"seed": 0}
    assert result.notes[-1] == "the text is that of the bundled sample"
    call("quality", *arguments, "--seeds", 2, "--validation-tokens", 300, "--only", "full", "--output", output)
    [result] = read_results(output)
    assert [m.case for m in result.measurements] == [{"seed": 0}, {"seed": 1}]
    assert result.measurements[0].scores["perplexity"] != result.measurements[1].scores["perplexity"]
    with pytest.raises(UserError, match="there are: full; sampled, 20; sampled, 200; adaptive"):
        call("quality", *arguments, "--only", "none", "--output", output)


def test_soft_max_losses_learn_and_begin_alike(session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(quality, "OPTIMIZER", OptimizerSettings(learning_rate=0.01))
    pieces = make_tokenizer(None, 300, [])
    corpus = quality.read_corpus(None, pieces, tmp_path)
    session = replace(session, size=replace(session.size, batch=8), only=("full", "sampled, 298", "adaptive"))

    def perplexities(steps: int) -> list[float]:
        result = quality.measure_quality(session, corpus, pieces, quality.Training(steps, (298,), 300))
        return [m.scores["perplexity"] for m in result.measurements]

    before, after = perplexities(1), perplexities(12)
    assert before[0] == pytest.approx(before[1], rel=0.05)
    assert all(late < 0.9 * early for early, late in zip(before, after, strict=True))


def test_a_device_that_is_not_there_is_one_message(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys, "argv", ["benchmarks", "machine", "--device", "nowhere"])
    with pytest.raises(SystemExit) as ended:
        command_line.main()
    assert ended.value.code == 1
    assert "error: --device nowhere: cannot be used" in capsys.readouterr().err


def test_the_gpu_script_calls_machine_and_gpu_with_its_wheels_and_fails_with_them(tmp_path: Path):
    wheels, calls = tmp_path / "wheels", tmp_path / "calls"
    wheels.mkdir()
    (wheels / "some-1.0.whl").touch()
    python = script(tmp_path / "python", f'echo "$@" >> {calls}; echo said; [[ "$*" != *fail* ]]')
    environment = {**os.environ, "PYTHON": str(python), "WHEELS": str(wheels), "OUT": str(tmp_path / "out")}

    def start(*arguments: str) -> int:
        command = ["bash", str(ROOT / "benchmarks" / "gpu.sh"), *arguments]
        return subprocess.run(command, env=environment, capture_output=True).returncode

    assert start("--repeats", "3", "--only", "ours, compiled") == 0
    install, machine, softmax, gpu, length = calls.read_text().splitlines()
    assert install.startswith("-m pip install") and install.endswith("some-1.0.whl")
    assert machine == f"-m benchmarks machine --device cuda --size base --output {tmp_path / 'out'}"
    assert softmax == f"-m benchmarks softmax --device cuda --size base --output {tmp_path / 'out'}"
    assert gpu.endswith(f"gpu --device cuda --size base --output {tmp_path / 'out'} --repeats 3 --only ours, compiled")
    assert length == f"-m benchmarks length --device cuda --size base --output {tmp_path / 'out'}"
    assert (tmp_path / "out" / "gpu.log").read_text().endswith("said\nsaid\nsaid\nsaid\n")
    assert start("fail") != 0
