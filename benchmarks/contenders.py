"""Who takes part in training: one optimizer step of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import flops
from benchmarks.defaults import default_products, large_blocks_given_back
from benchmarks.lstm_models import LSTMLanguageModel, PlainLSTM, ProjectedLSTM, cells_for
from benchmarks.package_model import PackageLanguageModel
from benchmarks.session import Session
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.backbones.mlstm.kernels import native_problem, use_kernel
from elmo_xlstm.lm.losses import FullSoftmax, SampledSoftmax, SoftmaxLoss
from elmo_xlstm.lm.optimization import OptimizerSettings
from elmo_xlstm.device import fast_matmul

OURS = "ours"  # with the kernels that training takes by itself
SAMPLED = "ours, sampled soft-max"
PLAIN = "ours, plain torch"
COMPILED = "ours, compiled"
COMPILED_SAMPLED = "ours, compiled, sampled soft-max"
PACKAGE = "xlstm package"
OUR_SETTINGS = ", our settings"  # of the allocator in training, and of what multiplies matrices
PACKAGE_TUNED = PACKAGE + OUR_SETTINGS
ELMO = "ELMo's LSTM, sampled soft-max"
LSTM = "LSTM, equal parameters"
GRAPHS = "ours, compiled, CUDA graphs"
KERNELS = "ours, Triton kernels"
CONTENDERS = (OURS, SAMPLED, PLAIN, COMPILED, COMPILED_SAMPLED, PACKAGE, PACKAGE_TUNED, ELMO, LSTM)
OUR_TRAINING = (OURS, SAMPLED, PLAIN, COMPILED, COMPILED_SAMPLED)
ON_GPU = (GRAPHS, KERNELS)  # to be built alone: they change the model that the others of ours share
EAGER = (OURS, SAMPLED, PLAIN, PACKAGE, PACKAGE_TUNED, ELMO, LSTM)

COMPILE_BACKEND = "inductor"
GRADIENT_CLIP = 1.0
LEARNING_RATE = 1e-4


@dataclass(frozen=True)
class Contender:
    """A model with its loss and optimizer.

    Attributes:
        name: for tables.
        model: in training.
        loss: of (batch, length) piece ids.
        optimizer: of all parameters.
        flops_per_token: of one training step, forward and backward; see :mod:`benchmarks.flops`.
        stance: context of every step: chooses the tier of a model that several contenders share.
    """

    name: str
    model: nn.Module
    loss: Callable[[Tensor], Tensor]
    optimizer: torch.optim.Optimizer
    flops_per_token: float
    stance: Callable[[], AbstractContextManager[Any]] = nullcontext

    def step(self, input_ids: Tensor, precision: str = "fp32") -> Tensor:
        """Forward, backward, clipping, AdamW; the loss before the step."""
        self.model.train()
        with self.stance():
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


class Contenders:
    """Builds contenders of one size; those of ours share a model and optimizer, as do those of the package.

    Args:
        session: gives size and device.
        memory_kept: whether the process keeps freed memory, which ours do in pretraining and the package does not.
    """

    def __init__(self, session: Session, memory_kept: bool = False) -> None:
        self.session = session
        self.memory_kept = memory_kept
        self.config = session.size.config()
        self._compiled = False

    def build(self, names: tuple[str, ...]) -> list[Contender]:
        """Contenders by their names, in that order.

        Raises:
            UserError: there is none of that name, or its kernels cannot run here.
        """
        unknown = [name for name in names if name not in CONTENDERS + ON_GPU]
        if unknown:
            raise UserError(f"no contender {unknown[0]!r}; there are: {'; '.join(CONTENDERS + ON_GPU)}")
        if GRAPHS in names:
            compile_stacks(self._ours, mode="reduce-overhead")
        if KERNELS in names:
            use_kernel(self._ours, "triton", self.session.device)
        if {COMPILED, COMPILED_SAMPLED} & set(names):
            compile_stacks(self._ours)
            self._compiled = True
        return [self._build(name) for name in names]

    def _build(self, name: str) -> Contender:
        size = self.session.size
        if name in (PACKAGE, PACKAGE_TUNED):
            model, optimizer = self._package
            settings = self._as_it_comes if name == PACKAGE else fast_matmul
            return Contender(name, model, model, optimizer, self._flops(sampled=False), settings)
        if name == ELMO:
            dim = size.elmo_projection
            projected = [ProjectedLSTM(size.elmo_cells, dim) for _ in range(2)]
            layers = 2 * flops.lstm_layer(dim, size.elmo_cells, dim)
            return self._lstm(name, dim, projected, layers, self._sampled)
        if name == LSTM:
            dim = size.embedding_dim
            cells = cells_for(sum(p.numel() for p in self._ours.forward_stack.parameters()), dim)
            plain = [PlainLSTM(dim, cells, size.dropout) for _ in range(2)]
            layers = flops.lstm_layer(dim, cells) + flops.lstm_layer(cells, cells) + 2 * cells * dim
            return self._lstm(name, dim, plain, layers, FullSoftmax())
        sampled = name in (SAMPLED, COMPILED_SAMPLED)
        softmax_loss = self._sampled if sampled else FullSoftmax()
        stance: Callable[[], AbstractContextManager[Any]] = nullcontext
        if name == GRAPHS:
            stance = _next_graph_step
        elif name != KERNELS:
            stance = partial(self._tier, name)
        return Contender(
            name,
            self._ours,
            lambda input_ids: self._ours(input_ids, softmax_loss=softmax_loss).loss,
            self._optimizer,
            self._flops(sampled),
            stance,
        )

    def _lstm(
        self, name: str, dim: int, encoders: list[Any], layers: float, softmax_loss: FullSoftmax | SampledSoftmax
    ) -> Contender:
        size = self.session.size
        model = LSTMLanguageModel(size.vocab_size, dim, *encoders).to(self.session.device)
        optimizer = OptimizerSettings(learning_rate=LEARNING_RATE).build(model)
        loss: SoftmaxLoss = softmax_loss
        per_token = flops.TRAINING * (2 * layers + flops.softmax(dim, self._classes(loss), size.length))
        return Contender(name, model, partial(model, softmax_loss=loss), optimizer, per_token, fast_matmul)

    @contextmanager
    def _as_it_comes(self) -> Iterator[None]:
        """A step of what sets nothing."""
        with default_products(), large_blocks_given_back() if self.memory_kept else nullcontext():
            yield

    @contextmanager
    def _tier(self, name: str) -> Iterator[None]:
        """A step of one of ours."""
        device = self.session.device
        native = name in (OURS, SAMPLED) and native_problem(self.config, device) is None
        use_kernel(self._ours, "native" if native else "torch", device)
        compiled = name in (COMPILED, COMPILED_SAMPLED)
        eager = torch.compiler.set_stance("force_eager") if self._compiled and not compiled else nullcontext()
        with fast_matmul(device), eager:
            yield

    @cached_property
    def _ours(self) -> BiXLSTM:
        return self.session.place(BiXLSTM(self.config))

    @cached_property
    def _optimizer(self) -> torch.optim.Optimizer:
        return OptimizerSettings(learning_rate=LEARNING_RATE).build(self._ours)

    @cached_property
    def _package(self) -> tuple[PackageLanguageModel, torch.optim.Optimizer]:
        model = self.session.place(PackageLanguageModel(self.config))
        return model, torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)

    @cached_property
    def _sampled(self) -> SampledSoftmax:
        size = self.session.size
        counts = 1e9 / np.arange(1, size.vocab_size + 1)  # Zipf; see Session.pieces
        return SampledSoftmax(size.samples, counts.astype(np.int64))

    def _classes(self, loss: SoftmaxLoss) -> int:
        """Logits of one prediction: all, or negatives and the target."""
        return self.session.size.samples + 1 if isinstance(loss, SampledSoftmax) else self.session.size.vocab_size

    def _flops(self, sampled: bool) -> float:
        size = self.session.size
        classes = self._classes(self._sampled if sampled else FullSoftmax())
        forward = flops.encoding(self.config, size.length) + flops.softmax(size.embedding_dim, classes, size.length)
        return flops.TRAINING * forward


def compile_stacks(model: BiXLSTM, mode: str | None = None) -> None:
    """Have both stacks compiled at their first call, as pretraining does; ``mode`` is torch.compile's."""
    for stack in (model.forward_stack, model.backward_stack):
        stack.compile(backend=COMPILE_BACKEND, dynamic=False, mode=mode)


def _next_graph_step() -> AbstractContextManager[None]:
    """What CUDA graphs gave in the step before may be overwritten."""
    torch.compiler.cudagraph_mark_step_begin()
    return nullcontext()
