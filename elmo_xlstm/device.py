"""The device that tensors are computed on, and the library that multiplies float32 matrices on a CPU.

torch's builds for x86 take Intel's MKL, which on AMD's processors computes with AVX2 even where they have AVX-512.
oneDNN, which torch brings as well, uses it: there it multiplies about twice as fast (docs/performance.md). torch hands
float32 products to oneDNN only if they may be rounded to bf16 on the way, which oneDNN then does where the processor
has AMX, as Intel's do; elsewhere it computes in float32. This is not taken on trust: products are compared with those
in float64 first, and if they were rounded, or anything else is unlike what is said here, all stays as torch has it.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

import torch
from torch import Tensor

from elmo_xlstm.errors import UserError

OFF = "ELMO_XLSTM_ONEDNN"  # "0" in the environment leaves all products to torch's default
CPU_INFO = Path("/proc/cpuinfo")
MAY_ROUND = "bf16"  # what torch calls the permission
UNSET = "none"
# Of a product over 256 terms, as a relative norm: float32 is within 1e-6, factors rounded to bf16 are off by 2e-3.
TOLERANCE = 1e-5

# Of a long inner dimension, what oneDNN is given at once: whole ones take a third longer, for MKL it is equal
# (docs/performance.md, Studies).
PART = 512

Parameters = ParamSpec("Parameters")
Returned = TypeVar("Returned")

_lock = threading.Lock()
_open = 0  # contexts
_before = UNSET


def not_compiled(function: Callable[Parameters, Returned]) -> Callable[Parameters, Returned]:
    """Have torch.compile leave a function alone.

    ``torch.compiler.disable`` does the same, but imports the compiler at once, which takes longer than all of torch.
    """
    disabled: Callable[Parameters, Returned] = torch._disable_dynamo(function)  # type: ignore[attr-defined]  # imports late

    @wraps(function)
    def called(*arguments: Parameters.args, **named: Parameters.kwargs) -> Returned:
        return (disabled if torch.compiler.is_compiling() else function)(*arguments, **named)

    return called


def onednn_problem() -> str | None:
    """The reason to leave float32 products to torch's default library, or ``None`` if oneDNN is to do them."""
    return f"{OFF} is 0" if os.environ.get(OFF) == "0" else _machine_problem()


@contextmanager
def fast_matmul(device: torch.device | None = None) -> Iterator[None]:
    """Leave float32 products on the CPU to oneDNN where it is faster and as exact; elsewhere nothing changes.

    The setting is the process's; it ends with the last of the contexts that are open, in whatever thread. Meanwhile
    ``torch.get_float32_matmul_precision()`` raises RuntimeError, since the older interface has no word for it; so does
    torch.compile if it is to tune products ("max-autotune"). A precision of these products that someone has chosen is
    left alone.
    """
    if (device is not None and device.type != "cpu") or onednn_problem() is not None:
        yield
        return
    _enter()
    try:
        yield
    finally:
        _leave()


def matmul_by_parts(left: Tensor, right: Tensor) -> Tensor:
    """``left @ right``, on a CPU summed over parts of the inner dimension, which is faster where that is long.

    Autograd does not see through it. Types below float32 are multiplied whole: they would be rounded at every part.
    """
    whole = left.device.type != "cpu" or left.dtype.itemsize < torch.float32.itemsize
    if whole or torch.compiler.is_compiling():  # which would make hundreds of nodes of the loop
        return left @ right
    total = left[:, :PART] @ right[:PART]
    for start in range(PART, len(right), PART):
        torch.addmm(total, left[:, start : start + PART], right[start : start + PART], out=total)
    return total


def _enter() -> None:
    global _open, _before
    with _lock:
        if _open == 0:
            _before = _precision()
            if _before == UNSET:
                _set_precision(MAY_ROUND)
        _open += 1


def _leave() -> None:
    global _open
    with _lock:
        _open -= 1
        if _open == 0 and _before == UNSET and _precision() == MAY_ROUND:
            _set_precision(UNSET)


def _forget_contexts() -> None:
    """In a forked process there are no threads but one, and what others held is nobody's."""
    global _lock, _open
    _lock = threading.Lock()
    if _open and _before == UNSET and _precision() == MAY_ROUND:
        _set_precision(UNSET)
    _open = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_contexts)


@cache
def _machine_problem() -> str | None:
    facts = _processor()
    if facts is None:
        return "the kind of processor is read from /proc/cpuinfo, which is not here"
    if facts.get("vendor_id") != "AuthenticAMD" or "avx512f" not in facts.get("flags", "").split():
        return "this is no AMD processor with AVX-512"
    if not (torch.backends.mkl.is_available() and torch.backends.mkldnn.is_available()):
        return "this torch has not both MKL and oneDNN"
    if not hasattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision"):
        return f"torch {torch.__version__} has no such setting; 2.9 has"
    with _lock:
        before = _precision()
        try:
            _set_precision(MAY_ROUND)
            error = _product_error()
        except RuntimeError as problem:  # of a library that is not as expected
            return f"its products fail: {str(problem).splitlines()[0]}"
        finally:
            _set_precision(before)
    return None if error < TOLERANCE else f"its products are off by {error:.0e}, which is not float32"


def _processor() -> dict[str, str] | None:
    try:
        first = CPU_INFO.read_text(encoding="utf-8").split("\n\n")[0]
    except (OSError, UnicodeDecodeError):
        return None
    pairs = (line.partition(":") for line in first.splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}


@torch.autocast("cpu", enabled=False)
def _product_error() -> float:
    """Relative norm of what products of float32 matrices lack of the exact ones: the worst of some."""
    generator = torch.Generator().manual_seed(0)  # not the one that training counts on
    left, right = (torch.randn(4, 256, 256, generator=generator, dtype=torch.float32, device="cpu") for _ in range(2))
    errors = []
    for one, other in (
        (left[0], right[0]),
        (left[0, :32], right[0].T),
        (left, right.transpose(1, 2)),
        (left[:, :64], right),
    ):
        exact = one.double() @ other.double()
        errors.append(float(((one @ other).double() - exact).norm() / exact.norm()))
    return max(errors)


def _precision() -> str:
    return str(torch.backends.mkldnn.matmul.fp32_precision)  # type: ignore[attr-defined]


def _set_precision(name: str) -> None:
    torch.backends.mkldnn.matmul.fp32_precision = name  # type: ignore[attr-defined]


def default_device() -> torch.device:
    """The first GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def usable_device(device: str | torch.device | None) -> torch.device:
    """The device of that name, or the default one for None; UserError if torch cannot use it here."""
    if device is None:
        return default_device()
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # AssertionError: torch is built without CUDA
        reason = str(error).splitlines()[0][:200]
        raise UserError(
            f"device '{device}' cannot be used here ({reason}); leave the device out for '{default_device()}', or see "
            "with 'python cli.py check' what there is"
        ) from None
