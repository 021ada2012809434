"""Contenders of training: one optimizer step of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.defaults import default_products, large_blocks_given_back
from benchmarks.lstm_models import LSTMLanguageModel, PlainLSTM, ProjectedLSTM, cells_for, lstm_flops
from benchmarks.package_model import PackageLanguageModel
from benchmarks.session import Session
from elmo_xlstm.device import fast_matmul
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.cost import training_flops_per_token
from elmo_xlstm.lm.kernels import Kernel, native_problem, use_kernel
from elmo_xlstm.lm.losses import FullSoftmax, SampledSoftmax
from elmo_xlstm.lm.optimization import OptimizerSettings

OURS = "ours"  # with the kernels that training takes by itself
SAMPLED = "ours, sampled soft-max"
PLAIN = "ours, plain torch"
COMPILED = "ours, compiled"
COMPILED_SAMPLED = "ours, compiled, sampled soft-max"
GRAPHS = "ours, compiled, CUDA graphs"
KERNELS = "ours, Triton kernels"
PACKAGE = "xlstm package"
OUR_SETTINGS = ", our settings"  # of the allocator in training, and of the library for matrix products
PACKAGE_TUNED = PACKAGE + OUR_SETTINGS
ELMO = "ELMo's LSTM, sampled soft-max"
LSTM = "LSTM, equal parameters"
CONTENDERS = (OURS, SAMPLED, PLAIN, COMPILED, COMPILED_SAMPLED, PACKAGE, PACKAGE_TUNED, ELMO, LSTM)
ON_GPU = (OURS, COMPILED, SAMPLED, COMPILED_SAMPLED, GRAPHS, KERNELS, PACKAGE)
# Tuned with the batch of another: every batch tried would be compiled.
SAME_BATCH = {COMPILED: OURS, COMPILED_SAMPLED: SAMPLED, GRAPHS: OURS}

GRADIENT_CLIP = 1.0
LEARNING_RATE = 1e-4
COMPILE_BACKEND = "inductor"
Context = Callable[[], AbstractContextManager[Any]]


@dataclass(frozen=True)
class Contender:
    """A model with its loss and optimizer.

    Attributes:
        name: for tables.
        model: in training.
        loss: of (batch, length) piece ids.
        optimizer: of all parameters.
        flops_per_token: of one training step, forward and backward, counted from the sizes.
        context: of every step.
    """

    name: str
    model: nn.Module
    loss: Callable[[Tensor], Tensor]
    optimizer: torch.optim.Optimizer
    flops_per_token: float
    context: Context = nullcontext

    def step(self, input_ids: Tensor, precision: str = "fp32") -> Tensor:
        """Forward, backward, clipping, AdamW; the loss before the step."""
        self.model.train()
        with self.context():
            with torch.autocast(input_ids.device.type, torch.bfloat16, enabled=precision == "bf16"):
                loss = self.loss(input_ids)
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), GRADIENT_CLIP)
            self.optimizer.step()
            self.optimizer.zero_grad()
        return loss.detach()

    @property
    def parameters(self) -> int:
        """Trained parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters())


def build_contender(name: str, session: Session, memory_kept: bool = False) -> Contender:
    """A contender by its name.

    Args:
        name: one of this module's.
        session: gives size and device.
        memory_kept: whether the process keeps freed memory, as ours do in pretraining; the package then gives it back.

    Raises:
        UserError: there is none of that name, or its kernels cannot run here.
    """
    names = dict.fromkeys((*CONTENDERS, *ON_GPU))
    if name not in names:
        raise UserError(f"no contender {name!r}; there are: {'; '.join(names)}")
    if name in (PACKAGE, PACKAGE_TUNED):
        return _package(name, session, memory_kept)
    return _lstm(name, session) if name in (ELMO, LSTM) else _ours(name, session)


def _package(name: str, session: Session, memory_kept: bool) -> Contender:
    """The package as its README uses it, or with our settings."""
    config = session.size.config()
    model = session.place(PackageLanguageModel(config))
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)

    @contextmanager
    def as_it_comes() -> Iterator[None]:
        with default_products(), large_blocks_given_back() if memory_kept else nullcontext():
            yield

    context: Context = as_it_comes if name == PACKAGE else fast_matmul
    return Contender(name, model, model, optimizer, training_flops_per_token(config), context)


def _lstm(name: str, session: Session) -> Contender:
    """The original ELMo's network, or a plain one with as many parameters as ours; the soft-max losses are ours."""
    size = session.size
    encoders: list[nn.Module]
    softmax: FullSoftmax | SampledSoftmax
    if name == ELMO:
        dim, cells, softmax, classes = size.elmo_projection, size.elmo_cells, _sampled(session), size.samples + 1
        encoders = [ProjectedLSTM(cells, dim) for _ in range(2)]
        layers = 2 * lstm_flops(dim, cells, projection=dim)
    else:
        dim, softmax, classes = size.embedding_dim, FullSoftmax(), size.vocab_size
        cells = cells_for(sum(p.numel() for p in BiXLSTM(size.config()).forward_stack.parameters()), dim)
        encoders = [PlainLSTM(dim, cells, size.dropout) for _ in range(2)]
        layers = lstm_flops(dim, cells) + lstm_flops(cells, cells) + 2 * cells * dim
    model = session.place(LSTMLanguageModel(size.vocab_size, dim, *encoders))
    optimizer = OptimizerSettings(learning_rate=LEARNING_RATE).build(model)
    per_token = 6.0 * layers + 12.0 * dim * classes  # both directions, three times the forward pass
    return Contender(name, model, partial(model, softmax_loss=softmax), optimizer, per_token, fast_matmul)


def _ours(name: str, session: Session) -> Contender:
    """Our model, with the kernels, the compiler or the soft-max loss that the name says."""
    size, device = session.size, session.device
    config = size.config()
    model = session.place(BiXLSTM(config))
    kernel: Kernel = "torch"
    if name == KERNELS:
        kernel = "triton"
    elif name in (OURS, SAMPLED) and native_problem(config, device) is None:
        kernel = "native"
    use_kernel(model, kernel, device)
    if name in (COMPILED, COMPILED_SAMPLED, GRAPHS):
        compile_stacks(model, "reduce-overhead" if name == GRAPHS else None)
    sampled = name in (SAMPLED, COMPILED_SAMPLED)
    softmax = _sampled(session) if sampled else FullSoftmax()

    def loss(input_ids: Tensor) -> Tensor:
        if name == GRAPHS:
            torch.compiler.cudagraph_mark_step_begin()  # outputs of the step before may be overwritten
        value: Tensor = model(input_ids, softmax_loss=softmax).loss
        return value

    per_token = training_flops_per_token(config, size.samples + 1 if sampled else None)
    optimizer = OptimizerSettings(learning_rate=LEARNING_RATE).build(model)
    return Contender(name, model, loss, optimizer, per_token, partial(fast_matmul, device))


def _sampled(session: Session) -> SampledSoftmax:
    counts = 1e9 / np.arange(1, session.size.vocab_size + 1)  # Zipf; see Session.pieces
    return SampledSoftmax(session.size.samples, counts.astype(np.int64))


def compile_stacks(model: BiXLSTM, mode: str | None = None) -> None:
    """Have both stacks compiled at their first call, as pretraining does; ``mode`` is torch.compile's."""
    for stack in (model.forward_stack, model.backward_stack):
        stack.compile(backend=COMPILE_BACKEND, dynamic=False, mode=mode)
