from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest
import torch

from elmo_xlstm import device
from elmo_xlstm.device import PART, fast_matmul, matmul_by_parts, not_compiled, onednn_problem
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.losses import FullSoftmax

AMD = "processor\t: 0\nvendor_id\t: AuthenticAMD\nflags\t\t: fpu avx2 {}\n\nprocessor\t: 1\nvendor_id\t: other\n"
MATMUL = getattr(torch.backends.mkldnn, "matmul", None)

needs_setting = pytest.mark.skipif(not hasattr(MATMUL, "fp32_precision"), reason="torch before 2.9")
needs_onednn = pytest.mark.skipif(onednn_problem() is not None, reason=f"not here: {onednn_problem()}")


@pytest.fixture
def anew() -> Iterator[None]:
    """The machine is looked at in the test and again after it."""
    forget = device._machine_problem.cache_clear
    forget()
    yield
    forget()


@pytest.fixture
def amd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, anew: None) -> Path:
    monkeypatch.delenv(device.OFF, raising=False)
    path = tmp_path / "cpuinfo"
    path.write_text(AMD.format("avx512f"))
    monkeypatch.setattr(device, "CPU_INFO", path)
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    return path


@contextmanager
def products_chosen(name: str) -> Iterator[None]:
    MATMUL.fp32_precision = name
    try:
        yield
    finally:
        MATMUL.fp32_precision = "none"


def precision() -> str:
    return str(MATMUL.fp32_precision)


@needs_setting
def test_the_setting_holds_within_and_ends_with_the_last_context(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device, "_machine_problem", lambda: None)
    monkeypatch.delenv(device.OFF, raising=False)
    assert precision() == "none"
    inner_is_open, outer_is_closed = threading.Event(), threading.Event()
    seen = []

    def other() -> None:
        with fast_matmul():
            inner_is_open.set()
            outer_is_closed.wait(10)
            seen.append(precision())

    thread = threading.Thread(target=other)
    with fast_matmul():
        with fast_matmul():
            assert precision() == "bf16"
        assert precision() == "bf16"
        thread.start()
        assert inner_is_open.wait(10)
    outer_is_closed.set()
    thread.join()
    assert seen == ["bf16"] and precision() == "none"
    with pytest.raises(ZeroDivisionError), fast_matmul():
        1 / 0  # noqa: B018
    assert precision() == "none"


@needs_setting
def test_a_precision_that_someone_chose_is_left_alone(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device, "_machine_problem", lambda: None)
    monkeypatch.delenv(device.OFF, raising=False)
    with products_chosen("ieee"):
        with fast_matmul():
            assert precision() == "ieee"
        assert precision() == "ieee"


@needs_setting
def test_it_can_be_turned_off(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device, "_machine_problem", lambda: None)
    monkeypatch.setenv("ELMO_XLSTM_ONEDNN", "0")
    assert onednn_problem() == "ELMO_XLSTM_ONEDNN is 0"
    with fast_matmul():
        assert precision() == "none"


@needs_setting
def test_a_precision_that_is_chosen_meanwhile_stays(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device, "_machine_problem", lambda: None)
    monkeypatch.delenv(device.OFF, raising=False)
    with products_chosen("none"):
        with fast_matmul():
            MATMUL.fp32_precision = "ieee"
        assert precision() == "ieee"


@needs_setting
def test_a_gpu_needs_no_setting(chosen_precisions: list[str]):
    with fast_matmul(torch.device("cuda")):
        assert chosen_precisions == []
    with fast_matmul(torch.device("cpu")):
        assert chosen_precisions == ["bf16"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@needs_setting
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_begins_without_contexts(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device, "_machine_problem", lambda: None)
    monkeypatch.delenv(device.OFF, raising=False)
    with fast_matmul(), device._lock:  # as if a thread were just about to enter
        child = os.fork()
        if child == 0:
            free = device._lock.acquire(blocking=False)
            os._exit(0 if free and device._open == 0 and precision() == "none" else 1)
        assert os.waitpid(child, 0)[1] == 0
        assert precision() == "bf16"


@pytest.mark.parametrize("text", [AMD.format("avx512vl"), AMD.format("avx512f").replace("AuthenticAMD", "x"), ""])
def test_other_processors_keep_the_default(text: str, amd: Path):
    amd.write_text(text)
    assert onednn_problem() == "this is no AMD processor with AVX-512"


def test_elsewhere_than_on_linux_nobody_says_which_processor_it_is(amd: Path):
    amd.unlink()
    assert onednn_problem() == "the kind of processor is read from /proc/cpuinfo, which is not here"


@needs_setting
def test_products_that_are_rounded_are_refused(amd: Path, monkeypatch: pytest.MonkeyPatch):
    product = torch.Tensor.__matmul__

    def rounded(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        if left.dtype == torch.float64:
            return product(left, right)
        assert precision() == "bf16"  # it is tried as it would run
        return product(left.bfloat16().float(), right.bfloat16().float())

    monkeypatch.setattr(torch.Tensor, "__matmul__", rounded)
    with products_chosen("ieee"):  # whatever is around the first use
        problem = onednn_problem()
        assert problem is not None and problem.startswith("its products are off by ") and "e-03" in problem
        assert precision() == "ieee"


@needs_setting
def test_products_that_fail_are_refused(amd: Path, monkeypatch: pytest.MonkeyPatch):
    def fail() -> float:
        raise RuntimeError("could not create a primitive\ntrace")

    monkeypatch.setattr(device, "_product_error", fail)
    assert onednn_problem() == "its products fail: could not create a primitive"
    assert precision() == "none"


@needs_setting
@pytest.mark.filterwarnings("ignore:.*default_dtype")
def test_what_surrounds_the_trial_does_not_decide_it(amd: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(device, "_set_precision", lambda name: None)  # whatever this processor would round
    dtypes = set()
    product = torch.Tensor.__matmul__

    def seen(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        dtypes.add(left.dtype)
        return product(left, right)

    monkeypatch.setattr(torch.Tensor, "__matmul__", seen)
    torch.set_default_dtype(torch.float64)
    try:
        with torch.autocast("cpu", torch.bfloat16), torch.device("meta"):
            assert onednn_problem() is None
    finally:
        torch.set_default_dtype(torch.float32)
    assert dtypes == {torch.float32, torch.float64}


def test_a_torch_without_the_libraries_or_the_setting_says_so(amd: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: False)
    assert onednn_problem() == "this torch has not both MKL and oneDNN"
    device._machine_problem.cache_clear()
    monkeypatch.setattr(torch.backends.mkl, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mkldnn, "matmul", object(), raising=False)
    assert onednn_problem() == f"torch {torch.__version__} has no such setting; 2.9 has"


@needs_onednn
@pytest.mark.parametrize("shape", [(1, 64, 64), (33, 700, 5), (512, 96, 1536), (200, 2048, 300)])
def test_products_are_float32(shape: tuple[int, int, int]):
    rows, terms, columns = shape
    generator = torch.Generator().manual_seed(0)
    left = torch.randn(rows, terms, generator=generator)
    right = torch.randn(columns, terms, generator=generator).T  # not contiguous, as weights are
    exact = left.double() @ right.double()
    with fast_matmul():
        one, several = left @ right, torch.bmm(left.expand(3, -1, -1), right.expand(3, -1, -1))
    for found in (one, *several):
        assert (found - exact).norm() / exact.norm() < 1e-6


@needs_onednn
def test_it_is_onednn_that_multiplies():
    code = """
import torch
from elmo_xlstm.device import fast_matmul
left = torch.ones(64, 64)
left @ left
print("by default", flush=True)
with fast_matmul():
    left @ left
    torch.bmm(left.expand(3, -1, -1), left.expand(3, -1, -1).transpose(1, 2))
"""
    environment = {**os.environ, "ONEDNN_VERBOSE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    lines = [line for line in done.stdout.splitlines() if line == "by default" or ",exec,cpu,matmul," in line]
    # The trial multiplies between the two, so that there are more than two behind them.
    assert lines[0] == "by default" and "64x64:64x64" in done.stdout and "3x64x64:3x64x64" in done.stdout


@needs_onednn
def test_a_model_computes_the_same_numbers():
    torch.manual_seed(0)
    config = BiXLSTMConfig(vocab_size=200, embedding_dim=64, num_blocks=2, num_heads=4, dropout=0.0, context_length=48)
    model = BiXLSTM(config).train()
    pieces = torch.randint(200, (4, 48))

    def gradients() -> tuple[float, list[torch.Tensor]]:
        model.zero_grad()
        loss = model(pieces, softmax_loss=FullSoftmax()).loss
        loss.backward()
        return float(loss.detach()), [
            parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None
        ]

    loss, expected = gradients()
    with fast_matmul():
        fast_loss, found = gradients()
    assert fast_loss == pytest.approx(loss, rel=1e-6)
    total = torch.cat([gradient.flatten() for gradient in expected])
    assert (torch.cat([gradient.flatten() for gradient in found]) - total).norm() / total.norm() < 1e-5


@pytest.mark.parametrize("inner", [1, PART - 1, PART, PART + 1, 3 * PART + 7])
@pytest.mark.parametrize("context", [nullcontext, fast_matmul])
def test_a_product_by_parts_is_the_product(inner: int, context: Callable[[], AbstractContextManager[None]]) -> None:
    torch.manual_seed(0)
    left, right = torch.randn(5, inner), torch.randn(inner, 6)
    with context():
        found = matmul_by_parts(left, right)
    exact = left.double() @ right.double()
    assert (found - exact).norm() < 1e-6 * exact.norm()


def test_low_precision_is_rounded_once() -> None:
    torch.manual_seed(0)
    left, right = torch.rand(5, 40 * PART).bfloat16(), torch.rand(40 * PART, 6).bfloat16()
    assert torch.equal(matmul_by_parts(left, right), left @ right)


def test_torch_compile_leaves_a_function_alone() -> None:
    seen = []

    @not_compiled
    def inner(inputs: torch.Tensor) -> torch.Tensor:
        seen.append(torch.compiler.is_compiling())
        return inputs + 1

    compiled = torch.compile(lambda inputs: inner(inputs * 2) * 3, backend="eager")
    assert torch.equal(compiled(torch.ones(2)), torch.full((2,), 9.0))
    assert inner(torch.ones(2)).tolist() == [2, 2] and seen == [False, False]
