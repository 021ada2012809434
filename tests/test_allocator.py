from __future__ import annotations

import os
import subprocess
import sys

import pytest

from elmo_xlstm.allocator import CACHE_CAPACITY, KEPT_PRIMITIVES, limit_primitive_cache

PROGRAM = """
import resource
import torch
from elmo_xlstm.allocator import keep_freed_memory
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
        [sys.executable, "-c", PROGRAM.format(expected=True)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 100  # 5 x 16 MiB are 20,480 pages


@pytest.mark.skipif(sys.platform.startswith("linux"), reason="glibc's allocator")
def test_other_systems_are_left_alone() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM.format(expected=False)], check=True)


def test_the_number_of_kept_primitives_is_set_unless_the_user_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CACHE_CAPACITY, "7")
    limit_primitive_cache()
    assert os.environ[CACHE_CAPACITY] == "7"
    monkeypatch.delenv(CACHE_CAPACITY)
    limit_primitive_cache()
    assert os.environ[CACHE_CAPACITY] == KEPT_PRIMITIVES
