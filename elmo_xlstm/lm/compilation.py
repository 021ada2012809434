"""How the backbones are computed in training: plain torch, compiled kernels or ``torch.compile``; in less memory."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any, Literal

import torch
from accelerate import Accelerator
from torch.utils.checkpoint import checkpoint

from elmo_xlstm.device import fast_matmul, onednn_problem
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.backbones import Backbone, BackboneSettings, Kernel
from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.distributed import Processes
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.native import library_problem
from elmo_xlstm.lm.pretraining_settings import TrainingSettings

logger = logging.getLogger(__name__)

Compile = Literal["auto"] | bool

# Measured on two cores of a CPU, 4 blocks of width 320: compiling took 32 s and saved 18 % (fp32, exact soft-max) to
# 30 % (bf16) of a step, which in plain torch ran at 0.6 (fp32) of a matrix product's rate. See docs/performance.md.
SECONDS_PER_BLOCK = 8.0
SAVED_SHARE = 0.2
PLAIN_SHARE_OF_PEAK = 0.6

OLDEST_GPU = (7, 0)  # compute capability that Triton needs


@dataclass(frozen=True)
class Tier:
    """The way to compute the stacks, and the reason for it.

    Attributes:
        compiled: with ``torch.compile``.
        reason: for people.
        refused: compiling was asked for and cannot be done.
        kernel: see :func:`~elmo_xlstm.lm.model.BiXLSTM.use_kernel`.
    """

    compiled: bool
    reason: str
    refused: bool = False
    kernel: Kernel = "torch"

    def __str__(self) -> str:
        names = {"torch": "plain torch", "native": "our compiled kernels", "triton": "the kernels of mlstm_kernels"}
        return f"{'torch.compile' if self.compiled else names[self.kernel]} ({self.reason})"


def mixed_precision(precision: str, backbone: BackboneSettings) -> str:
    """Accelerate's name for a precision setting; ``auto`` is bf16 where device and backbone have it."""
    if precision == "auto":
        has_bf16 = torch.cuda.is_available() and torch.cuda.is_bf16_supported() and "bf16" in backbone.precisions
        precision = "bf16" if has_bf16 else "fp32"
    return "no" if precision == "fp32" else precision


def choose_tier(
    setting: Compile,
    kernel: Kernel | Literal["auto"],
    config: BiXLSTMConfig,
    device: torch.device,
    dtype: torch.dtype,
    total_flops: float,
) -> Tier:
    """Decide once, before training.

    With ``auto`` for both, our compiled kernels are taken where they can run: no other tier is faster on a CPU, and
    they need no minutes of compiling. Else stacks are compiled if the time that this saves is more than the time that
    compiling takes. Both are estimated: the length of training from its arithmetic and a matrix product timed here and
    now, the rest from the measurements above.

    Args:
        setting: ``training.compile``.
        kernel: ``training.kernel``.
        config: of the model.
        device: of training.
        dtype: of its matrix products.
        total_flops: of all training on this device.

    Raises:
        UserError: ``native`` kernels are asked for and cannot run.
    """
    if kernel in ("auto", "native"):
        problem = config.kernel_problem("native", device)
        if not problem and dtype != torch.float32:
            problem = library_problem(dtype=dtype)
        if kernel == "native" and problem:
            raise UserError(
                f'training.kernel: "native" cannot be used: {problem}. Choose "auto", which takes what can run'
            )
        if not problem and (kernel == "native" or setting is not True):
            return Tier(False, f"training.kernel is {kernel}", kernel="native")
    tier = _compilation(setting, device, dtype, total_flops, config.directions * config.num_blocks)
    return replace(tier, kernel="triton" if kernel == "triton" else "torch")


def _compilation(
    setting: Compile, device: torch.device, dtype: torch.dtype, total_flops: float, num_blocks: int
) -> Tier:
    if setting is False:
        return Tier(False, "training.compile is false")
    reason = "training.compile is true"
    if setting == "auto":
        seconds = total_flops / (PLAIN_SHARE_OF_PEAK * matrix_rate(device, dtype))
        cost = SECONDS_PER_BLOCK * num_blocks
        saved = SAVED_SHARE * seconds
        if saved < cost:
            return Tier(False, f"compiling would take about {cost:.0f} s to save {saved:.0f} s")
        reason = f"about {saved / 60:.0f} min saved, {cost / 60:.0f} min to compile"
    problem = compiler_problem(device)
    return Tier(False, problem, refused=setting is True) if problem else Tier(True, reason)


def matrix_rate(device: torch.device, dtype: torch.dtype) -> float:
    """Floating-point operations per second of a matrix product: the best of a few, in some milliseconds."""
    size = 8192 if device.type == "cuda" else 512
    matrix = torch.ones(size, size, device=device, dtype=dtype)  # draws no random numbers, which training counts on
    best = float("inf")
    for _ in range(4):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        started = time.perf_counter()
        with fast_matmul(device):
            torch.mm(matrix, matrix)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        best = min(best, time.perf_counter() - started)
    return 2.0 * size**3 / best


def compiler_problem(device: torch.device) -> str | None:
    """Why ``torch.compile`` cannot work on a device, or ``None`` if what it needs is there."""
    if device.type == "cuda":
        if importlib.util.find_spec("triton") is None:
            return "the package triton is not installed"
        if torch.cuda.get_device_capability(device) < OLDEST_GPU:
            return "the GPU is too old for triton"
        return _build_problem(os.environ.get("CC") or ("gcc" if shutil.which("gcc") else "clang"), "c")
    return _build_problem(cpp_compiler(), "c++")


def cpp_compiler() -> str:
    """The C++ compiler that ``torch.compile`` calls on this system."""
    default = {"win32": "cl", "darwin": "clang++"}.get(sys.platform, "g++")
    return os.environ.get("CXX") or default


@cache
def _build_problem(compiler: str, language: str) -> str | None:
    """Why a compiler cannot build an extension of Python: it is missing, or the headers are."""
    if shutil.which(compiler) is None:
        return f"no {language.upper()} compiler ({compiler})"
    if sys.platform == "win32":
        return None  # cl takes other options
    command = [compiler, "-fsyntax-only", f"-I{sysconfig.get_path('include')}", "-x", language, "-"]
    done = subprocess.run(command, input="#include <Python.h>\n", capture_output=True, text=True)
    if done.returncode == 0:
        return None
    lines = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
    return f"{compiler} cannot build an extension of Python: {lines[0]}"


def compile_model(model: BiXLSTM, by_block: bool) -> None:
    """Have the stacks compiled at their first call, for inputs of one shape.

    Args:
        model: changed in place; parameter names stay.
        by_block: every block on its own, which is needed where something happens between them.
    """
    for stack in model.backbones:
        compile_stack(stack, by_block)


def compile_stack(stack: Backbone, by_block: bool) -> None:
    """The same for one stack."""
    if by_block:
        for block in stack.blocks:
            block.forward = torch.compile(block.forward, dynamic=False)
    else:
        stack.compile(dynamic=False)


@contextmanager
def computing(
    tier: Tier, model: BiXLSTM, training: TrainingSettings, accelerator: Accelerator, processes: Processes
) -> Iterator[None]:
    """The context of training, entered by all processes together; says which tier runs and what multiplies matrices.

    What is to be compiled is compiled here, by a trial. If that fails in any process, all run plain torch.

    Args:
        tier: what was chosen.
        model: prepared for training.
        training: gives the batch size and whether the model is sharded.
        accelerator: gives device and precision.
        processes: of the launch.
    """
    if processes.is_main:
        logger.log(logging.WARNING if tier.refused else logging.INFO, "the stacks run with %s", tier)
        if accelerator.device.type == "cpu" and onednn_problem() is None:
            logger.info("products of float32 matrices are left to oneDNN")
    with fast_matmul(accelerator.device), _compiled(tier, model, training, accelerator, processes):
        yield


def _compiled(
    tier: Tier, model: BiXLSTM, training: TrainingSettings, accelerator: Accelerator, processes: Processes
) -> AbstractContextManager[Any]:
    """Compile what the tier says, or give the context in which nothing is compiled."""
    if not tier.compiled:
        return nullcontext()
    config, device = model.config, accelerator.device
    stack = model.train().forward_stack
    if training.sharding == "full":  # its hooks expect calls of the whole model: a spare block stands for it
        spare = config.model_copy(update={"num_blocks": 1})
        stack = spare.backbone.build(spare).to(device)
        compile_stack(stack, by_block=True)
    started = time.monotonic()
    shape = training.batch_size, config.context_length, config.embedding_dim
    problems = processes.gather(try_stack(stack, shape, device, accelerator.autocast))
    problem = next((problem for problem in problems if problem is not None), None)
    if problem is None:
        if processes.is_main:
            logger.info("compiled in %.0f s", time.monotonic() - started)
        return nullcontext()
    if processes.is_main:
        logger.warning("torch.compile failed, so the stacks run with plain torch: %s", problem)
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


def try_stack(
    stack: Backbone,
    shape: tuple[int, int, int],
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[Any]],
) -> str | None:
    """Run a stack forwards and backwards as training will, which compiles it; leave nothing else behind.

    Args:
        stack: on its device, in training.
        shape: of its inputs, (batch, length, embedding dim).
        device: of the stack.
        autocast: gives the context of the forward pass.

    Returns:
        What went wrong, in one line, or ``None``.
    """
    inputs = torch.zeros(shape, device=device, requires_grad=True)
    weights = [parameter for parameter in stack.parameters() if parameter.requires_grad]
    try:
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            with autocast():
                output = stack(inputs)[-1]
            torch.autograd.grad(output.float().sum(), [inputs, *weights], allow_unused=True)
    except Exception as error:  # a compiler fails in many ways, and plain torch is always there
        cause = getattr(error, "inner_exception", error)  # what the backend raised, where torch wraps it
        lines = str(cause).strip().splitlines() or [""]
        return f"{type(cause).__name__}: {lines[0]}"
    return None


def checkpoint_activations(model: BiXLSTM) -> None:
    """Keep only every block's input for the backward pass (Chen et al. 2016), for one more forward pass of the blocks.

    Losses and gradients stay the same; dropout draws the same mask again. Parameter names do not change.
    """
    for stack in model.backbones:
        for block in stack.blocks:
            block.forward = partial(checkpoint, block.forward, use_reentrant=False)
