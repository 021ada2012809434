"""The interface of a backbone, and how one is chosen.

``model.backbone: { type: 'name', ... }`` chooses the settings class that is registered under that name. It makes one
:class:`Backbone` for each direction, and says what the backbone can do; anything else is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from elmo_xlstm.config import Registry, Settings
from elmo_xlstm.errors import UserError

if TYPE_CHECKING:
    from elmo_xlstm.lm.configuration import BiXLSTMConfig, Sizes

Kernel = Literal["torch", "native", "triton"]

DEFAULT = "mlstm"
backbones = Registry("backbone", default=DEFAULT)


class Backbone(nn.Module):
    """One causal direction of a language model: blocks over token embeddings.

    Attributes:
        blocks: in their order. Each maps (batch, length, dim) to a hidden state of that shape, or to a tuple that
            begins with it. Training compiles them, shards them and recomputes their activations one by one.
    """

    blocks: nn.ModuleList

    def forward(self, inputs: Tensor) -> list[Tensor]:
        """Hidden states of all blocks, each (batch, length, dim); position t has read positions up to t.

        Args:
            inputs: (batch, length, dim) token embeddings, of any length.
        """
        raise NotImplementedError

    def step(self, inputs: Tensor, state: Any = None) -> tuple[list[Tensor], Any]:
        """Read the next tokens of sequences, one or many at a time; the numbers are those of reading all at once.

        Args:
            inputs: (batch, length, dim).
            state: what the previous call returned; None at the beginning of sequences.

        Returns:
            Hidden states of all blocks as from :meth:`forward`, and the state for the next call.
        """
        raise UserError(f"{type(self).__name__} cannot read token by token: it has no step()")

    def initialize(self, module: nn.Module) -> None:
        """Draw the initial weights of ``module``, a part of the backbone that has parameters of its own."""
        if (reset := getattr(module, "reset_parameters", None)) is not None:
            reset()

    def decayed(self, name: str, parameter: nn.Parameter) -> bool:
        """Whether weight decay applies to one of its parameters: to matrices, not to vectors.

        Args:
            name: of the parameter within the backbone.
            parameter: itself.
        """
        return parameter.ndim > 1

    def use_kernel(self, kernel: Kernel, device: torch.device) -> None:
        """Choose what computes whole sequences, one of its settings' ``kernels``; weights stay as they are."""


class BackboneSettings(Settings):
    """The settings of a kind of backbone, and what it can do.

    A subclass has a ``type: Literal[name] = name``; what all backbones share (``embedding_dim``, ``num_blocks``,
    ``dropout``, ``context_length``) is the model's.

    Attributes:
        kernels: what can compute it.
        precisions: ``bf16`` says that it trains under autocast and embeds in that precision, ``int8`` that it embeds in
            that one.
    """

    type: str
    kernels: ClassVar[frozenset[Kernel]] = frozenset({"torch"})
    precisions: ClassVar[frozenset[str]] = frozenset({"fp32"})

    def check(self, sizes: Sizes) -> None:
        """Compare its own settings with the model's sizes.

        Raises:
            ValueError: a backbone of such sizes cannot be.
        """

    def build(self, config: BiXLSTMConfig) -> Backbone:
        """One direction of the model that has this configuration."""
        raise NotImplementedError

    def training_flops(self, config: BiXLSTMConfig) -> float:
        """Floating-point operations of one direction per trained token, without the soft-max.

        A product of matrices costs two operations per weight and token forwards and four backwards; elementwise work
        is not counted.
        """
        raise NotImplementedError

    def fingerprint(self, config: BiXLSTMConfig) -> str:
        """All that hidden states depend on beside the names, shapes and values of the weights."""
        return self.model_dump_json()

    def kernel_problem(self, kernel: Kernel, config: BiXLSTMConfig, device: torch.device) -> str | None:
        """Why a kernel cannot compute such a model on a device, or ``None`` if it can."""
        return None if kernel in self.kernels else f'the backbone "{self.type}" has no such kernels'

    def require_kernel(self, kernel: Kernel) -> None:
        """Refuse kernels that the backbone does not have.

        Raises:
            UserError: says which it has.
        """
        if kernel not in self.kernels:
            raise UserError(
                f'training.kernel: "{kernel}" cannot be used: the backbone "{self.type}" has no such kernels; choose '
                f"one of {', '.join(sorted(self.kernels))}"
            )

    def require_precision(self, precision: str, setting: str) -> None:
        """Refuse a precision that the backbone does not compute in.

        Args:
            precision: ``fp32``, ``bf16`` or ``int8``.
            setting: its name, for the message.

        Raises:
            UserError: says in which it does.
        """
        if precision not in self.precisions:
            raise UserError(
                f'{setting}: "{precision}" cannot be used: the backbone "{self.type}" computes in '
                f"{', '.join(sorted(self.precisions))} only"
            )
