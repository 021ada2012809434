"""Which library multiplies float32 matrices on a CPU.

torch's builds for x86 take Intel's MKL, which on AMD's processors computes with AVX2 even where they have AVX-512.
oneDNN, which torch brings as well, uses it: there it multiplies about twice as fast (docs/performance.md). torch hands
float32 products to oneDNN only if they may be rounded to bf16 on the way, which oneDNN then does where the processor
has AMX, as Intel's do; elsewhere it computes in float32. This is not taken on trust: a product is compared with one in
float64 first, and if it was rounded, or anything else is unlike what is said here, all stays as torch has it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import torch

OFF = "ELMO_XLSTM_ONEDNN"  # "0" in the environment leaves all products to torch's default
CPU_INFO = Path("/proc/cpuinfo")
MAY_ROUND = "bf16"  # what torch calls the permission
UNSET = "none"
# Of a product over 256 terms, as a relative norm: float32 is within 1e-6, factors rounded to bf16 are off by 2e-3.
EXACT = 1e-5

_lock = threading.Lock()
_users = 0
_before = UNSET


def onednn_problem() -> str | None:
    """Why float32 products are left to torch's default library, or ``None`` if oneDNN is faster and as exact."""
    return f"{OFF} is 0" if os.environ.get(OFF) == "0" else _machine_problem()


@contextmanager
def fast_products() -> Iterator[None]:
    """Have oneDNN multiply float32 matrices on the CPU where it is faster and as exact; elsewhere nothing changes.

    The setting is the process's; it ends with the last of the contexts that are open, in whatever thread. Meanwhile
    ``torch.get_float32_matmul_precision()`` raises RuntimeError, since the older interface has no word for it. Who has
    chosen a precision of these products is left alone.
    """
    if onednn_problem() is not None:
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def _enter() -> None:
    global _users, _before
    with _lock:
        if _users == 0:
            _before = _precision()
            if _before == UNSET:
                _set_precision(MAY_ROUND)
        _users += 1


def _leave() -> None:
    global _users
    with _lock:
        _users -= 1
        if _users == 0 and _before == UNSET:
            _set_precision(_before)


@cache
def _machine_problem() -> str | None:
    facts = _processor()
    if facts.get("vendor_id") != "AuthenticAMD" or "avx512f" not in facts.get("flags", "").split():
        return "this is no AMD processor with AVX-512"
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return "this torch has not both MKL and oneDNN"
    if not hasattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision"):
        return f"torch {torch.__version__} has no such setting; 2.9 has"
    _enter()
    try:
        error = _product_error()
    finally:
        _leave()
    return None if error < EXACT else f"its products are off by {error:.0e}, which is not float32"


def _processor() -> dict[str, str]:
    """What Linux says of the first processor; nothing elsewhere."""
    try:
        first = CPU_INFO.read_text(encoding="utf-8").split("\n\n")[0]
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


def _product_error() -> float:
    """Relative norm of what a product of two float32 matrices lacks of the exact one."""
    left, right = torch.randn(2, 256, 256, generator=torch.Generator().manual_seed(0))  # not the one training counts on
    exact = left.double() @ right.double()
    return float(((left @ right).double() - exact).norm() / exact.norm())


def _precision() -> str:
    return str(torch.backends.mkldnn.matmul.fp32_precision)  # type: ignore[attr-defined]


def _set_precision(name: str) -> None:
    torch.backends.mkldnn.matmul.fp32_precision = name  # type: ignore[attr-defined]
