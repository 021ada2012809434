"""Runs of a suite, several at once, each a process of its own."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from elmo_xlstm.device import default_device
from elmo_xlstm.errors import UserError
from elmo_xlstm.machine import threads_of_each, usable_cores
from elmo_xlstm.progress import NullProgress, Progress, Work
from elmo_xlstm.runs.files import writing
from elmo_xlstm.runs.interruption import Interrupted, finishing_step, stop_requested
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.tasks.finetuning import LOG_FILE, RESULT_FILE
from elmo_xlstm.tasks.suite.planning import PlannedRun, State, in_words

logger = logging.getLogger(__name__)

LOG_LINES_SHOWN = 5
MOST_JOBS = 8
POLL_SECONDS = 0.2
GRACE_SECONDS = 10.0
LOCK_SECONDS = 10.0
PACKAGE_ROOT = Path(__file__).absolute().parents[3]  # in a checkout elmo_xlstm/tasks is a link
# As for a script that lies beside the package: "-m" would first look for modules in the working directory.
START = """
import sys
sys.path[:] = sys.argv.pop(1), *filter(None, sys.path)
from elmo_xlstm.tasks.suite.child import run
run()
"""


@dataclass(frozen=True)
class Failure:
    """A run that did not end well, why, and the last lines of its log if it came so far."""

    run: PlannedRun
    reason: str
    log: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = f"; {self.run.settings.directory / LOG_FILE} ends with" if self.log else ""
        return "\n".join([f"{self.run.label}: {self.reason}{where}", *(f"    {line}" for line in self.log)])


def default_jobs(runs: int) -> int:
    """One for each core, for large machines fewer with more threads each; one alone if they share a GPU."""
    if default_device().type != "cpu":
        return 1
    return max(1, min(usable_cores(), MOST_JOBS, runs))


def run_suite(
    plan: Sequence[PlannedRun], jobs: int, modules: Sequence[str] = (), progress: Progress | None = None
) -> list[Failure]:
    """Do what there is to do; a run that fails does not keep the others from running.

    A run that would compute the same word vectors as one that is just computing them waits until those are stored.
    On interruption (Ctrl-C, SIGTERM) the runs under way are stopped.

    Returns:
        Those that failed.

    Raises:
        UserError: runs are stale; each is named with its reason. Nothing has been started.
        Interrupted: SIGTERM or Ctrl-C; the runs under way were stopped, each with a checkpoint.
    """
    stale = [f"  {run.label}: {run.reason}" for run in plan if run.state is State.STALE]
    if stale:
        heading = f"{len(stale)} of {len(plan)} runs were made with other settings or data:"
        remedy = (
            "Measure them again with --replace-stale, or keep them and choose other places: "
            "--output DIRECTORY -o results=DIRECTORY"
        )
        raise UserError("\n".join([heading, *stale, remedy]))
    todo = [run for run in plan if run.state is not State.DONE]
    environment = {**os.environ, "OMP_NUM_THREADS": threads_of_each(jobs), "PYTHONUNBUFFERED": "1"}
    with finishing_step(), (progress or NullProgress()).task("runs", len(plan), done=len(plan) - len(todo)) as work:
        return _run_all(todo, jobs, modules, environment, work)


def refuse_failures(failures: Sequence[Failure], runs: int) -> None:
    """Say what failed, if anything did, as a UserError: for each run why, with the end of its log."""
    if failures:
        heading = f"{len(failures)} of {runs} runs failed; the same command tries them again, and nothing else:"
        raise UserError("\n".join([heading, *map(str, failures)]))


def _run_all(
    todo: Sequence[PlannedRun], jobs: int, modules: Sequence[str], environment: dict[str, str], work: Work
) -> list[Failure]:
    waiting = list(todo)
    running: list[_Child] = []
    failures: list[Failure] = []

    def count(failure: Failure | None) -> None:
        if failure is not None:
            logger.error("%s", failure)
            failures.append(failure)
        work.advance(failed=len(failures))

    try:
        while waiting or running:
            while len(running) < jobs and (run := _next(waiting, running)) is not None:
                waiting.remove(run)
                try:
                    running.append(_Child(run, modules, environment))
                except UserError as error:
                    count(Failure(run, str(error)))
                    continue
                logger.info("%s: %s", run.label, "going on" if run.state is State.UNFINISHED else "started")
            for child in [child for child in running if child.has_ended()]:
                running.remove(child)
                if (failure := child.failure()) is None:
                    logger.info("%s: done in %s", child.run.label, in_words(child.seconds))
                count(failure)
            if number := stop_requested():
                raise Interrupted(number)
            time.sleep(POLL_SECONDS)
    except BaseException:
        for child in running:
            child.terminate()
        for child in running:
            child.wait_or_kill()
        if running:
            logger.warning("stopped: %s", ", ".join(child.run.label for child in running))
        raise
    return failures


def _next(waiting: Sequence[PlannedRun], running: Sequence[_Child]) -> PlannedRun | None:
    """The first run whose word vectors no other run is just computing."""
    computed = [_vectors(child.run) for child in running if not child.has_stored_vectors()]
    return next((run for run in waiting if (_vectors(run) or object()) not in computed), None)


class _Child:
    """The process of one run; its directory holds its log, and is locked while the process lives."""

    def __init__(self, run: PlannedRun, modules: Sequence[str], environment: dict[str, str]) -> None:
        self.run = run
        self._started = time.monotonic()
        self._directory = run.settings.directory
        self._log = self._directory / LOG_FILE
        going_on = run.state is State.UNFINISHED
        # The run of a suite that was killed takes a moment to end.
        opened = open_run(self._directory, run.settings, force=run.replace, resume=going_on, wait=LOCK_SECONDS)
        with opened as lock, writing(self._log), open(self._log, "ab") as log:
            (self._directory / RESULT_FILE).unlink(missing_ok=True)
            self._process = subprocess.Popen(
                [sys.executable, "-c", START, str(PACKAGE_ROOT), str(self._directory), run.command, *modules],
                stdin=subprocess.PIPE,  # closed by the end of this process, which ends the run as well
                stdout=log,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C is for this process to handle
                pass_fds=(lock,),
            )

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._started

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def has_stored_vectors(self) -> bool:
        """After the first epoch; the test split's follow at the end."""
        return (self._directory / "checkpoint").is_dir()

    def failure(self) -> Failure | None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        status = self._process.returncode
        if status == 0:
            return None
        reason = f"exit status {status}"
        if status < 0:
            reason = f"killed by {signal.Signals(-status).name}"
            if -status == getattr(signal, "SIGKILL", None):
                reason += " (as the system does when memory is short; fewer --jobs need less)"
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines() if self._log.exists() else []
        return Failure(self.run, reason, tuple([line for line in lines if line.strip()][-LOG_LINES_SHOWN:]))

    def terminate(self) -> None:
        self._process.terminate()

    def wait_or_kill(self) -> None:
        try:
            self._process.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()


def _vectors(run: PlannedRun) -> tuple[str, str] | None:
    """The key of the run's word vectors in the feature store; a model that learns has none there."""
    embedder = run.settings.embedder
    if embedder is None or embedder.fine_tune is not None:
        return None
    return embedder.model_dump_json(), run.settings.task.name
