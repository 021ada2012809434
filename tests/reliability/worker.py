"""A process with everything imported, which forks one process for each job: ``python worker.py``, jobs on its input.

A job is a line of JSON: ``directory`` to work in, ``arguments`` of the command line, ``log`` for what it says, and
optionally ``fault``:

- ``{"at": n, "do": "kill"}``: the process is killed right before its n-th change of a file below the directory: a file
  opened for writing, flushed, renamed, removed, a directory made or removed, two names exchanged.
- ``{"at": n, "do": "full"}``: the disk is full from that change on.
- ``{"limit": bytes, "do": ...}``: likewise in the middle of a write, at so many bytes of any file.
- ``{"signals": {n: number}}``: the process gets a signal at its n-th change.
- ``{"do": "tell"}``: each change is a line of the log, ``change n: path``.

Written to standard output: the job's process id; then, when it has ended, its exit status (negative: a signal) and how
many changes it made.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import resource
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate", "fsync", "exchange"}
MODULES = (
    "elmo_xlstm.cli",
    "elmo_xlstm.lm.pretraining",
    "elmo_xlstm.tasks.finetuning",
    "elmo_xlstm.tasks.registry",
    "elmo_xlstm.tasks.suite.running",
    "elmo_xlstm.tasks.suite.child",
    "elmo_xlstm.evaluation.leaderboard.plots",
)


class Watch:
    """Counts the changes of files below a directory, and does at some what the job's fault says."""

    def __init__(self, directory: str, fault: dict[str, Any]) -> None:
        self.count = 0
        self._directory = directory
        self._fault = fault
        self._signals = {int(at): number for at, number in fault.get("signals", {}).items()}

    def install(self) -> None:
        """From now on; it cannot be undone."""
        sys.addaudithook(self._audit)
        fsync, directories = os.fsync, importlib.import_module("elmo_xlstm.runs.directories")
        exchange = directories.exchange

        def watched_fsync(descriptor: int) -> None:
            self._change("fsync", os.readlink(f"/proc/self/fd/{descriptor}"))
            fsync(descriptor)

        def watched_exchange(one: Path, other: Path) -> bool:
            self._change("exchange", str(one))
            return exchange(one, other) if self._fault.get("exchange", True) else False

        os.fsync, directories.exchange = watched_fsync, watched_exchange
        if limit := self._fault.get("limit"):
            kills = self._fault["do"] == "kill"
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL if kills else signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and isinstance(path, str | bytes | Path):
                self._change(event, os.fsdecode(path))
        elif event in CHANGES and isinstance(arguments[0], str | bytes | Path):
            self._change(event, os.fsdecode(arguments[0]))

    def _change(self, event: str, path: str) -> None:
        if os.path.isabs(path) and not path.startswith(self._directory):
            return
        self.count += 1
        if self._fault.get("do") == "tell":
            os.write(2, f"change {self.count}: {os.path.abspath(path)}\n".encode())
        if self.count in self._signals:
            os.kill(os.getpid(), self._signals[self.count])
        at = self._fault.get("at")
        if at is None or self.count < at:
            return
        if self._fault["do"] == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if event in ("open", "fsync", "os.mkdir", "os.rename", "os.link", "exchange"):  # removing needs no space
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)


class ForkedRun:
    """Stands for ``subprocess.Popen`` of one run of a suite: forks, where that would import everything again."""

    def __init__(self, command: list[str], stdout: Any, pass_fds: tuple[int], **_: Any) -> None:
        reads, writes = os.pipe()
        self.returncode: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            os.setsid()
            os.dup2(reads, 0)
            os.dup2(stdout.fileno(), 1)
            os.dup2(stdout.fileno(), 2)
            for descriptor in {*range(3, 256)} - {*pass_fds}:  # other runs' pipes, too, which must end with the suite
                with contextlib.suppress(OSError):
                    os.close(descriptor)
            child = importlib.import_module("elmo_xlstm.tasks.suite.child")
            _leave(lambda: (child._stop_with_the_suite(), sys.exit(child.main(command[4:]))))
        os.close(reads)
        self.stdin = os.fdopen(writes, "wb")

    def poll(self) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            self.returncode = os.waitstatus_to_exitcode(status) if pid else None
        return self.returncode

    def wait(self, timeout: float | None = None) -> int | None:
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode

    def terminate(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGTERM)

    kill = terminate


def _leave(work: Any) -> None:
    """Do the work and end this process as an interpreter does."""
    code = 0
    try:
        work()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
        code = 99
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def run(job: dict[str, Any], counted: int) -> None:
    """Do a job in this process, which ends with it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.chdir(job["directory"])
    os.environ.update(job.get("environment", {}))
    sys.argv = ["cli.py", *job["arguments"]]
    watch = Watch(job["directory"], job.get("fault", {}))
    watch.install()

    def work() -> None:
        try:
            importlib.import_module("elmo_xlstm.cli").main()
        finally:
            os.write(counted, str(watch.count).encode())

    _leave(work)


def main() -> None:
    """Serve until the input ends."""
    for name in MODULES:
        importlib.import_module(name)
    importlib.import_module("torch").set_num_threads(1)
    importlib.import_module("elmo_xlstm.tasks.suite.running").subprocess = type(
        "Forking", (), {"Popen": ForkedRun, "PIPE": subprocess.PIPE, "STDOUT": subprocess.STDOUT}
    )
    print("ready", flush=True)
    for line in sys.stdin:
        reads, writes = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(reads)
            run(json.loads(line), writes)
        os.close(writes)
        print(pid, flush=True)
        _, status = os.waitpid(pid, 0)
        os.set_blocking(reads, False)
        try:
            counted = os.read(reads, 20).decode() or "0"
        except BlockingIOError:  # a process that the job has started holds the pipe still
            counted = "0"
        os.close(reads)
        print(os.waitstatus_to_exitcode(status), counted, flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
