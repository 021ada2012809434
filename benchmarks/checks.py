"""Checks that an accelerator computes what the CPU does, before its timings are believed."""

from __future__ import annotations

import math
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from benchmarks.contenders import compile_stacks
from benchmarks.session import Session
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.backbones.mlstm.kernels import kernel_problem, use_kernel
from elmo_xlstm.lm.compilation import compiler_problem

LONG = 1100  # tokens: computed in chunks with carried state, the others at once
PREPARED = 3  # calls after which torch.compile's CUDA graphs are recorded and played
MODES: dict[str, str | None] = {"torch.compile": None, "torch.compile and CUDA graphs": "reduce-overhead"}
# Largest relative differences of loss, gradient of the embedding, and last layers.
Limits = dict[str, float]
EXACT = {"loss": 1e-5, "gradient": 1e-3, "layers": 1e-4}
HALF = {"loss": 0.01, "gradient": 0.1, "layers": 0.05}
KERNEL = {"loss": 1e-3, "gradient": 0.05, "layers": 0.05}  # of Triton in fp32, which rounds factors
FAILED = "FAILED"

Outputs = dict[str, Tensor]


@dataclass(frozen=True)
class Check:
    """A relative difference between a result and the expected one, and the limit up to which it passes."""

    name: str
    difference: float
    limit: float

    @property
    def passed(self) -> bool:
        """Whether the difference is within the limit; one that is not a number is not."""
        return self.difference <= self.limit

    def __str__(self) -> str:
        verdict = "passed" if self.passed else FAILED
        return f"{verdict}: {self.name}: {self.difference:.2g} (limit {self.limit:.2g})"


def check_device(session: Session) -> list[Check]:
    """Outputs of the device, in bf16 and with Triton kernels too, against the CPU's; compiled stacks against plain."""
    on_cpu = random_model(session.size.config())
    model = session.place(deepcopy(on_cpu))
    checks: list[Check] = []
    with torch.backends.cudnn.flags(allow_tf32=False):  # convolutions would round to 10 bits
        for name, shape in {"windows": (2, session.size.length), "a long text": (1, LONG)}.items():
            input_ids = session.pieces(*shape)
            exact = compute(on_cpu, input_ids.cpu(), "fp32")
            checks += agree(f"{name}, fp32", partial(compute, model, input_ids, "fp32"), exact, EXACT)
            checks += agree(f"{name}, bf16", partial(compute, model, input_ids, "bf16"), exact, HALF)
            if kernel_problem(session.device) is None:
                use_kernel(model, "triton", session.device)
                for precision, limits in {"fp32": KERNEL, "bf16": HALF}.items():
                    found = partial(compute, model, input_ids, precision)
                    checks += agree(f"{name}, Triton kernels, {precision}", found, exact, limits)
                use_kernel(model, "torch", session.device)
        if session.device.type != "cpu" and compiler_problem(session.device) is None:  # on a CPU the tests check it
            for name, mode in MODES.items():
                checks += check_compiled(session, name, mode)
    return checks


def check_compiled(session: Session, name: str, mode: str | None) -> list[Check]:
    """One block in each direction under torch.compile in a ``mode`` of it, against plain torch in each precision."""
    torch.compiler.reset()
    model = session.place(random_model(replace(session.size, num_blocks=1).config()))
    input_ids = session.pieces(2, session.size.length)
    expected = {precision: compute(model, input_ids, precision) for precision in session.precisions()}
    compile_stacks(model, mode)

    def prepared(precision: str) -> Outputs:
        for _ in range(PREPARED):
            torch.compiler.cudagraph_mark_step_begin()
            found = compute(model, input_ids, precision)
        return found

    checks: list[Check] = []
    for precision, outputs in expected.items():
        limits = EXACT if precision == "fp32" else HALF
        checks += agree(f"{name}, {precision}", partial(prepared, precision), outputs, limits)
    return checks


def random_model(config: BiXLSTMConfig) -> BiXLSTM:
    """A model with weights away from where gates are closed and norms flat, which would hide mistakes in them."""
    model = BiXLSTM(config).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "gate" in name or "norm" in name or "skip" in name:
                parameter.add_(0.3 * torch.randn_like(parameter) * (parameter[0].numel() ** -0.5))
    return model


def compute(model: BiXLSTM, input_ids: Tensor, precision: str) -> Outputs:
    """Loss, gradient of the embedding, and the last layers of both directions, of (batch, length) piece ids."""
    with torch.autocast(input_ids.device.type, torch.bfloat16, enabled=precision == "bf16"):
        loss = model(input_ids).loss
        [gradient] = torch.autograd.grad(loss, [model.token_embedding.weight])
        with torch.no_grad():
            encoding = model.encode_layers(input_ids)
    layers = torch.cat([encoding.forward[-1], encoding.backward[-1]])
    return {"loss": loss.detach().clone(), "gradient": gradient.clone(), "layers": layers.clone()}


def agree(name: str, found: Callable[[], Outputs], expected: Outputs, limits: Limits) -> list[Check]:
    """A check of each output; one that fails if they cannot be computed."""
    try:
        outputs = found()
    except Exception as error:  # compilers raise anything; the other checks are to be seen
        return [Check(f"{name} ({type(error).__name__})", math.nan, 0.0)]
    return [Check(f"{name}, {what}", difference(outputs[what], expected[what]), limits[what]) for what in limits]


def difference(found: Tensor, expected: Tensor) -> float:
    """Norm of the difference over the norm of the expected values."""
    right = expected.double().cpu()
    return float(((found.double().cpu() - right).norm() / right.norm()).item())
