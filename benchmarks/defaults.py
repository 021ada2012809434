"""Defaults of the C library and of torch, restored for contenders that set nothing, beside ours in one process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from elmo_xlstm.machine import M_MMAP_MAX, M_MMAP_THRESHOLD, keep_freed_memory, set_malloc_options

# Of glibc (malloc.c): DEFAULT_MMAP_MAX, and DEFAULT_MMAP_THRESHOLD_MAX, which the threshold grows to by itself when
# blocks of that size have been freed.
MAPPED_BLOCKS = 65_536
MAPPED_SIZE = 2**25


@contextmanager
def large_blocks_given_back() -> Iterator[None]:
    """Map blocks of 32 MiB and more one by one and give them back when freed, as a process does that sets nothing.

    The heap is not trimmed meanwhile, which a process that sets nothing would do too: smaller blocks keep coming from
    memory that is there already, so that the contender looks a little faster than it is.
    """
    set_malloc_options({M_MMAP_THRESHOLD: MAPPED_SIZE, M_MMAP_MAX: MAPPED_BLOCKS})
    try:
        yield
    finally:
        keep_freed_memory()


@contextmanager
def default_products() -> Iterator[None]:
    """Multiply float32 matrices with what torch takes by itself, whatever :mod:`elmo_xlstm.device` would choose."""
    matmul: Any = getattr(torch.backends.mkldnn, "matmul", None)
    if not hasattr(matmul, "fp32_precision"):  # as in older versions, where it chooses nothing else
        yield
        return
    before, matmul.fp32_precision = matmul.fp32_precision, "ieee"  # a choice that is left alone
    try:
        yield
    finally:
        matmul.fp32_precision = before
