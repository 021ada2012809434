from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from elmo_xlstm import machine
from elmo_xlstm.machine import (
    CACHE_CAPACITY,
    KEPT_PRIMITIVES,
    THREADS,
    WAITING,
    limit_primitive_cache,
    share_the_machine,
    threads_of_each,
    usable_cores,
)

ROOT = Path(__file__).parents[1]
PROGRAM = """
import os, runpy, sys
from importlib.abc import MetaPathFinder

class Ask(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "torch":
            print(os.environ.get("OMP_WAIT_POLICY"), os.environ.get("KMP_BLOCKTIME"), flush=True)
            os._exit(0)

sys.meta_path.insert(0, Ask())
"""


def environment(**variables: str) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name not in (*WAITING, THREADS)}
    return {**ours, "PYTHONPATH": str(ROOT), **variables}


def when_torch_is_imported(code: str, **variables: str) -> str:
    command = [sys.executable, "-c", PROGRAM + code]
    done = subprocess.run(command, cwd=ROOT, env=environment(**variables), capture_output=True, text=True)
    return done.stdout.strip() or done.stderr


@pytest.mark.parametrize(
    "code",
    [
        "sys.argv = ['cli.py', 'check']; runpy.run_path('cli.py', run_name='__main__')",
        "sys.argv = ['cli.py', 'pretrain', 'none']; runpy.run_path('cli.py', run_name='__main__')",
        "from elmo_xlstm.tasks.suite.child import main; main(['run', 'command'])",
        "runpy.run_module('benchmarks', run_name='__main__')",
        "runpy.run_module('benchmarks.memory', run_name='__main__')",
        "from elmo_xlstm import ElmoEmbedder",
        "from elmo_xlstm.training import Trainer",
        "import elmo_xlstm.tasks.predictor",
    ],
)
def test_threads_sleep_while_they_wait_wherever_torch_comes_in(code: str) -> None:
    assert when_torch_is_imported(code) == "PASSIVE 0"


@pytest.mark.parametrize(
    ("variables", "found"),
    [
        ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
        ({"KMP_BLOCKTIME": "7"}, "None 7"),
        ({"GOMP_SPINCOUNT": "7"}, "None None"),
    ],
)
def test_what_the_user_has_set_stays(variables: dict[str, str], found: str) -> None:
    assert when_torch_is_imported("import elmo_xlstm, torch", **variables) == found


def test_nothing_is_changed_once_torch_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*WAITING, THREADS):
        monkeypatch.delenv(name, raising=False)
    share_the_machine()
    assert not any(name in os.environ for name in (*WAITING, THREADS))


@pytest.mark.parametrize(("quota", "cores"), [(0.5, 1), (2.0, 2), (2.5, 3), (99.0, 4), (math.inf, 4)])
def test_a_container_has_no_more_threads_than_its_time_suffices_for(
    monkeypatch: pytest.MonkeyPatch, quota: float, cores: int
) -> None:
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.delenv(THREADS, raising=False)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.setattr(machine, "_cores", lambda: 4)
    monkeypatch.setattr(machine, "_quota", lambda: quota)
    share_the_machine()
    assert usable_cores() == cores and os.environ.get(THREADS) == (None if cores == 4 else str(cores))
    monkeypatch.setenv(THREADS, "9")
    share_the_machine()
    assert os.environ[THREADS] == "9"


@pytest.mark.parametrize(
    ("listed", "files", "quota"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/a/b\n", {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "50000 100000\n"}, 0.5),
        ("5:cpu,cpuacct:/docker/1\n", {"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 3.0),
        ("1:cpu:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, math.inf),
        ("1:cpuset:/\n", {"cpu/cpu.cfs_quota_us": "1\n", "cpu/cpu.cfs_period_us": "1\n"}, math.inf),
        (None, {}, math.inf),
    ],
)
def test_the_quota_is_that_of_the_control_groups(
    tmp_path: Path, listed: str | None, files: dict[str, str], quota: float
) -> None:
    for name, text in files.items():
        path = tmp_path / "mounted" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    if listed is not None:
        (tmp_path / "cgroup").write_text(listed)
    assert machine._quota(tmp_path / "cgroup", tmp_path / "mounted") == quota


@pytest.mark.parametrize(("user", "each"), [("", ["6", "3", "1"]), ("4", ["4", "4", "4"])])
def test_processes_share_the_cores_unless_the_user_has_set_their_threads(
    monkeypatch: pytest.MonkeyPatch, user: str, each: list[str]
) -> None:
    monkeypatch.setattr(machine, "_set_by_user", user)
    monkeypatch.setattr(machine, "usable_cores", lambda: 6)
    assert [threads_of_each(processes) for processes in (1, 2, 9)] == each


TRAINING_STEPS = """
import resource
import torch
from elmo_xlstm.machine import keep_freed_memory
assert keep_freed_memory() is {expected}
def work():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        torch.ones(2**22)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
for _ in range(4):
    work()  # until the heap has taken its shape
print(work())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_freed_memory_is_used_again_without_page_faults() -> None:
    done = subprocess.run(
        [sys.executable, "-c", TRAINING_STEPS.format(expected=True)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 100  # 5 x 16 MiB are 20,480 pages


@pytest.mark.skipif(sys.platform.startswith("linux"), reason="glibc's allocator")
def test_other_systems_are_left_alone() -> None:
    subprocess.run([sys.executable, "-c", TRAINING_STEPS.format(expected=False)], check=True)


def test_the_number_of_kept_primitives_is_set_unless_the_user_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_CAPACITY, "7")
    limit_primitive_cache()
    assert os.environ[CACHE_CAPACITY] == "7"
    monkeypatch.delenv(CACHE_CAPACITY)
    limit_primitive_cache()
    assert os.environ[CACHE_CAPACITY] == KEPT_PRIMITIVES
