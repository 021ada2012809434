from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from elmo_xlstm import machine
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import load_results
from elmo_xlstm.runs.interruption import Interrupted
from elmo_xlstm.tasks.suite import running
from elmo_xlstm.tasks.suite.planning import PlannedRun, State
from elmo_xlstm.tasks.suite.running import LOG_FILE, Failure, default_jobs, refuse_failures, run_suite


class FakeChild:
    """A run that takes a few polls and ends as told."""

    log: list[str] = []
    fails: Callable[[str], bool] = staticmethod(lambda label: False)

    def __init__(self, run, modules, environment) -> None:
        self.run, self.polls, self.seconds, self.environment = run, 0, 1.0, environment
        FakeChild.log.append(f"+{run.label}")

    def has_ended(self) -> bool:
        self.polls += 1
        if self.polls > 3:
            FakeChild.log.append(f"-{self.run.label}")
        return self.polls > 3

    def has_stored_vectors(self) -> bool:
        return self.polls > 1

    def failure(self) -> Failure | None:
        return Failure(self.run, "exit status 1", ("boom",)) if FakeChild.fails(self.run.label) else None


@pytest.fixture
def events(monkeypatch) -> list[str]:
    monkeypatch.setattr(running, "_Child", FakeChild)
    monkeypatch.setattr(running, "POLL_SECONDS", 0)
    monkeypatch.setattr(FakeChild, "log", [])
    return FakeChild.log


def most_at_once(events: list[str]) -> int:
    now = most = 0
    for event in events:
        now += 1 if event[0] == "+" else -1
        most = max(most, now)
    return most


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_every_run_once_and_not_more_than_jobs(jobs, events, make_plan) -> None:
    plan = make_plan(models=("no-a", "no-b", "no-c"), seeds=2)
    assert run_suite(plan, jobs) == []
    assert sorted(event for event in events if event[0] == "+") == sorted(f"+{run.label}" for run in plan)
    assert most_at_once(events) == jobs


def test_word_vectors_are_computed_by_one_run(events, make_plan) -> None:
    run_suite(make_plan(models=("x", "y", "no-bilm")), jobs=2)
    assert events[:2] == ["+tiny x seed 0", "+tiny no-bilm seed 0"]  # y waits until x has stored them
    assert most_at_once(events) == 2
    del events[:]
    run_suite(make_plan(models=("x", "y")), jobs=2)
    assert events[0] == "+tiny x seed 0" and most_at_once(events) == 2  # it need not have ended


def test_failures_do_not_end_the_suite(events, make_plan, monkeypatch) -> None:
    monkeypatch.setattr(FakeChild, "fails", staticmethod(lambda label: "no-b" in label))
    plan = make_plan(models=("no-a", "no-b", "no-c"))
    failures = run_suite(plan, 1)
    assert [failure.run.label for failure in failures] == ["tiny no-b seed 0"]
    assert len(events) == 6
    with pytest.raises(UserError) as caught:
        refuse_failures(failures, len(plan))
    assert "1 of 3 runs failed; the same command tries them again" in str(caught.value)
    assert "tiny no-b seed 0: exit status 1" in str(caught.value) and "    boom" in str(caught.value)
    refuse_failures([], 3)


def test_stale_runs_are_refused(events, make_plan) -> None:
    (run,) = make_plan(models=("no-bilm",))
    run.settings.directory.mkdir(parents=True)
    (run.settings.directory / "config.json").write_text(run.settings.model_dump_json())
    with pytest.raises(UserError) as caught:
        run_suite(make_plan(models=("no-a", "no-bilm"), trainer__epochs=9), 1)
    assert "1 of 2 runs were made with other settings or data:\n  tiny no-bilm seed 0: trainer.epochs: 3 → 9" in str(
        caught.value
    )
    assert "--replace-stale" in str(caught.value) and events == []
    assert run_suite(make_plan(models=("no-bilm",), trainer__epochs=9, replace=True), 1) == []


@pytest.mark.parametrize(("user", "expected"), [("", ["3", "1"]), ("2", ["2", "2"])])
def test_threads_share_the_cores_unless_the_user_has_set_them(events, make_plan, monkeypatch, user, expected) -> None:
    seen = []
    monkeypatch.setattr(machine, "_set_by_user", user)
    for module in (machine, running):
        monkeypatch.setattr(module, "usable_cores", lambda: 6)
    monkeypatch.setattr(FakeChild, "failure", lambda self: seen.append(self.environment["OMP_NUM_THREADS"]))
    run_suite(make_plan(models=("no-bilm",)), jobs=2)
    run_suite(make_plan(models=("no-bilm",)), jobs=9)
    assert seen == expected
    assert default_jobs(100) == 6 and default_jobs(2) == 2 and default_jobs(0) == 1


def test_one_job_on_a_gpu(monkeypatch) -> None:
    monkeypatch.setattr(running, "default_device", lambda: type("Device", (), {"type": "cuda"}))
    assert default_jobs(100) == 1


def when(condition: Callable[[], bool], action: Callable[[], None]) -> threading.Thread:
    def wait() -> None:
        end = time.monotonic() + 200
        while not condition() and time.monotonic() < end:
            time.sleep(0.01)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_processes(make_plan, tmp_path, caplog, monkeypatch) -> None:
    """Real ones: a failing run and an interruption; the next start goes on, and a third finds all done."""
    caplog.set_level("INFO")
    monkeypatch.setattr(running, "LOCK_SECONDS", 0.1)
    moved = tmp_path / "moved.conll"

    def plan() -> list[PlannedRun]:
        long, broken = make_plan(trainer__epochs=200, trainer__patience=None)
        dataset = broken.settings.task.dataset.model_copy(update={"valid": str(moved)})
        task = broken.settings.task.model_copy(update={"dataset": dataset})
        return [long, replace(broken, settings=broken.settings.model_copy(update={"task": task}))]

    long, broken = plan()
    logs = [run.settings.directory / LOG_FILE for run in (long, broken)]
    checkpoint = long.settings.directory / "checkpoint" / "latest.safetensors"
    refused = []

    def second_suite_then_stop() -> None:
        (again, _) = plan()
        refused.extend(run_suite([again], 1))
        os.kill(os.getpid(), signal.SIGTERM)

    thread = when(lambda: checkpoint.is_file() and "exit status" in caplog.text, second_suite_then_stop)
    with pytest.raises(Interrupted) as ended:
        run_suite([long, broken], 2)
    thread.join()
    assert ended.value.code == 128 + signal.SIGTERM
    (failure,) = refused
    assert "another process is at work on this run just now" in failure.reason
    assert "tiny no-bilm seed 0: exit status 1" in caplog.text and "moved.conll: no such file" in caplog.text
    assert "stopped: tiny bilm seed 0" in caplog.text
    assert not (tmp_path / "results").exists()

    moved.write_bytes(Path(make_plan()[1].settings.task.dataset.valid).read_bytes())
    long, broken = (replace(run, state=State.UNFINISHED) for run in plan())
    assert plan()[0].state is State.UNFINISHED
    assert run_suite([long, broken], 2) == []
    assert "resuming after epoch" in logs[0].read_text()
    assert "no such file" in logs[1].read_text() and "test macro_f1" in logs[1].read_text()  # of both starts
    results = {result.model: result for result in load_results(tmp_path / "results")}
    assert results.keys() == {"bilm", "no-bilm"} and results["bilm"].command == long.command
    assert plan()[0].state is State.DONE


def test_runs_end_with_the_suite(make_plan) -> None:
    """However it ends: the pipe that it holds is then closed."""
    (run,) = make_plan(models=("no-bilm",), trainer__epochs=100_000, trainer__patience=None)
    environment = {**os.environ, "PYTHONPATH": str(running.PACKAGE_ROOT)}
    child = running._Child(run, (), environment)
    assert child._process.stdin is not None
    child._process.stdin.close()
    assert child._process.wait(60) == 128 + signal.SIGTERM


def test_killed(make_plan) -> None:
    (run,) = make_plan(models=("no-bilm",))
    child = running._Child(run, (), {**os.environ, "PYTHONPATH": str(running.PACKAGE_ROOT)})
    child._process.kill()
    child._process.wait()
    failure = child.failure()
    assert failure is not None and failure.reason.startswith("killed by SIGKILL (as the system does when memory")
