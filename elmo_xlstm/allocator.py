"""What memory the libraries below keep: the C library's allocator, and oneDNN's cache."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Mapping

# Of glibc's malloc.h
M_TRIM_THRESHOLD = -1
M_MMAP_THRESHOLD = -3
M_MMAP_MAX = -4
NEVER = -1

CACHE_CAPACITY = "ONEDNN_PRIMITIVE_CACHE_CAPACITY"
KEPT_PRIMITIVES = "64"


def limit_primitive_cache() -> None:
    """Have oneDNN, which computes LSTMs and low precisions on a CPU, keep fewer compiled primitives than its 1,024.

    It makes one for every shape it meets, with buffers of its own; sentences of all lengths fill gigabytes. To be
    called before torch computes; who has set the variable is left alone.
    """
    os.environ.setdefault(CACHE_CAPACITY, KEPT_PRIMITIVES)


def keep_freed_memory() -> bool:
    """Have the process keep memory that it frees, for work that allocates the same blocks again and again on a CPU.

    The allocator of glibc gives every large block back to the system when it is freed and fetches the next one page by
    page, each page cleared first: millions of page faults in a training step of a large model. See
    docs/performance.md. The price is that the process never shrinks.

    Returns:
        Whether this is such a system; on others nothing is changed.
    """
    return set_malloc_options({M_MMAP_MAX: 0, M_TRIM_THRESHOLD: NEVER})


def set_malloc_options(options: Mapping[int, int]) -> bool:
    """Call glibc's ``mallopt`` (man 3 mallopt) for each option.

    Returns:
        Whether this is a system that has it and takes all of them; on others nothing is changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    return mallopt is not None and all([mallopt(option, value) for option, value in options.items()])
