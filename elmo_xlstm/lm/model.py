"""The bidirectional language model, a plain torch module."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.backbones import Backbone, Kernel
from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.losses import AdaptiveSoftmax, FullSoftmax, SoftmaxLoss
from elmo_xlstm.lm.losses.adaptive import frequency_order
from elmo_xlstm.lm.model_directory import (
    find_model,
    read_architecture,
    read_weights,
    require_own_weights,
    verify_files,
    write_model,
)
from elmo_xlstm.pretrained import DEFAULT_MODEL
from elmo_xlstm.runs.weights import without_numbers


class Losses(NamedTuple):
    """Losses of the directions, in nats per predicted piece.

    Attributes:
        loss: mean of the directions' losses.
        forward_loss: of predicting each piece from those before it.
        backward_loss: of predicting each piece from those after it; None in a model of one direction.
    """

    loss: Tensor
    forward_loss: Tensor
    backward_loss: Tensor | None = None


@dataclass
class Encoding:
    """Hidden states of the directions.

    Attributes:
        embeddings: (batch, length, width) token embeddings, shared by the directions.
        forward: per block, (batch, length, width); position t has read pieces up to t.
        backward: per block, (batch, length, width); position t has read pieces from t on. Empty in a model of one
            direction.
    """

    embeddings: Tensor
    forward: list[Tensor]
    backward: list[Tensor]

    def layers(self) -> list[Tensor]:
        """ELMo's layers, (batch, length, directions * width) each: the repeated embedding, then each block's."""
        directions = [self.forward, self.backward] if self.backward else [self.forward]
        repeated = torch.cat([self.embeddings] * len(directions), dim=-1)
        return [repeated, *(torch.cat(hidden, dim=-1) for hidden in zip(*directions, strict=True))]


class BiXLSTM(nn.Module):
    """A forward and a backward causal language model over one token embedding (Peters et al. 2018, section 3.1).

    Each direction is a backbone of the configuration's kind, by default a stack of mLSTM blocks. A model of one
    direction is the forward one alone.

    Its output is one soft-max over the vocabulary, or an adaptive one if the configuration has ``softmax_clusters``, or
    nothing at all if ``softmax`` is ``none``: such a model encodes, but has no loss.

    Padding is to the right. The backward direction reads each sequence reversed within its own length, so that
    padding is never read before a piece.
    """

    def __init__(self, config: BiXLSTMConfig) -> None:
        super().__init__()
        self.config = config
        self.name_or_path = ""
        self.token_embedding = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.forward_stack = config.backbone.build(config)
        if config.directions == 2:
            self.backward_stack = config.backbone.build(config)
        if config.softmax in ("separate", "shared"):
            self.forward_softmax = nn.Parameter(torch.empty(config.vocab_size, config.embedding_dim))
        has_backward_softmax = config.softmax == "separate" and config.directions == 2
        if has_backward_softmax:
            self.backward_softmax = nn.Parameter(torch.empty(config.vocab_size, config.embedding_dim))
        if config.softmax_clusters is not None:
            shape = len(config.softmax_clusters), config.embedding_dim
            self.forward_softmax_clusters = nn.Parameter(torch.empty(shape))
            if has_backward_softmax:
                self.backward_softmax_clusters = nn.Parameter(torch.empty(shape))
            self.softmax_order: Tensor
            self.register_buffer("softmax_order", torch.arange(config.vocab_size))  # saved with the weights
        if not self.token_embedding.weight.is_meta:
            self.apply(self._initialize)

    @torch.no_grad()
    def _initialize(self, module: nn.Module) -> None:
        small = math.sqrt(2 / (5 * self.config.embedding_dim))  # Nguyen and Salazar 2019
        if module is self:
            weights = self.softmax_weights() if self.config.softmax in ("separate", "shared") else ()
            for weight in (*weights, *(self.softmax_cluster_weights() or ())):
                nn.init.normal_(weight, std=small)
        elif module is self.token_embedding:
            nn.init.normal_(module.weight, std=small)
        elif [*module.parameters(recurse=False), *module.buffers(recurse=False)]:
            self.forward_stack.initialize(module)

    @classmethod
    def empty(cls, config: BiXLSTMConfig) -> BiXLSTM:
        """A model whose weights are still to be given, and take no memory (``load_state_dict(..., assign=True)``)."""
        with without_numbers():
            return cls(config)

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | Path = DEFAULT_MODEL, revision: str | None = None, dtype: torch.dtype = torch.float32
    ) -> BiXLSTM:
        """Load a model for evaluation.

        Args:
            name_or_path: a bundled model's name, a model directory, a pretraining run, or a name on the Hugging Face
                hub.
            revision: commit, tag or branch on the hub.
            dtype: of its weights, in whatever precision they are stored.

        Raises:
            UserError: there is no such model, config.json is no architecture, the weights are not its own or not
                finite, or a file is not what its checksum says.
        """
        directory = find_model(name_or_path, revision)
        verify_files(directory)
        config, weights = read_architecture(directory, cls.empty), read_weights(directory)
        model = cls.empty(config)
        require_own_weights(model, weights, name_or_path)
        model.load_state_dict(
            {name: weight.to(dtype) if weight.is_floating_point() else weight for name, weight in weights.items()},
            assign=True,
        )
        model.name_or_path = str(name_or_path)
        return model.eval()

    def save_pretrained(self, directory: str | Path) -> None:
        """Write weights and configuration into a directory (made if missing)."""
        write_model(self.config, self.state_dict(), Path(directory))

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        return self.token_embedding.weight.device

    def num_parameters(self) -> int:
        """Numbers that are learnt."""
        return sum(parameter.numel() for parameter in self.parameters())

    @property
    def backbones(self) -> tuple[Backbone, ...]:
        """The forward direction, and the backward one if there is one."""
        stacks = (self.forward_stack, self.backward_stack) if self.config.directions == 2 else (self.forward_stack,)
        return stacks

    def use_kernel(self, kernel: Kernel, device: torch.device) -> None:
        """Choose what computes whole sequences in all directions.

        Args:
            kernel: one that the backbone has.
            device: on which the model runs.

        Raises:
            UserError: the backbone has no such kernels, or they cannot run here.
        """
        self.config.backbone.require_kernel(kernel)
        for backbone in self.backbones:
            backbone.use_kernel(kernel, device)

    def softmax_weights(self) -> tuple[Tensor, ...]:
        """Output weights of each direction, the forward one first, (vocabulary, width) each.

        Raises:
            UserError: the model has none.
        """
        match self.config.softmax:
            case "none":
                raise UserError(
                    f"{self.name_or_path or 'the model'}: was exported for embedding, without its soft-max weights; "
                    "perplexity and training need them: use the pretraining run that it was exported from"
                )
            case "separate" if self.config.directions == 2:
                return self.forward_softmax, self.backward_softmax
            case "tied":
                return (self.token_embedding.weight,) * self.config.directions
            case _:
                return (self.forward_softmax,) * self.config.directions

    def softmax_cluster_weights(self) -> tuple[Tensor, ...] | None:
        """Cluster rows of an adaptive soft-max in each direction, (clusters, width) each."""
        if self.config.softmax_clusters is None:
            return None
        if self.config.softmax == "separate" and self.config.directions == 2:
            return self.forward_softmax_clusters, self.backward_softmax_clusters
        return (self.forward_softmax_clusters,) * self.config.directions

    def order_vocabulary(self, token_counts: npt.NDArray[np.int64]) -> None:
        """Rank the pieces of an adaptive soft-max by how often they occur, before training; else do nothing.

        Args:
            token_counts: (vocabulary,) occurrences of each piece in the training text.
        """
        if self.config.softmax_clusters is not None:
            self.softmax_order.copy_(frequency_order(token_counts))

    def encode_layers(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Encoding:
        """Run all directions over sequences of any length.

        Args:
            input_ids: (batch, length) piece ids, right-padded.
            attention_mask: (batch, length), 1 at pieces and 0 at padding; all pieces by default.

        Raises:
            ValueError: padding is not to the right.
        """
        order = reversal(input_ids, attention_mask)  # (batch, length)
        embeddings, (forward, *backward) = self._read(self._orders(input_ids, order))
        return Encoding(embeddings, forward, [_take(hidden, order) for hidden in chain(*backward)])

    def _orders(self, input_ids: Tensor, order: Tensor) -> list[Tensor]:
        """Pieces in the order in which each direction reads them, (batch, length) each."""
        return [input_ids, input_ids.gather(1, order)][: self.config.directions]

    def _read(self, orders: list[Tensor]) -> tuple[Tensor, list[list[Tensor]]]:
        """Token embeddings, and the outputs of each direction's blocks, of the backward one in reversed order."""
        embeddings = self.token_embedding(torch.cat(orders)).chunk(len(orders))
        return embeddings[0], [stack(read) for stack, read in zip(self.backbones, embeddings, strict=True)]

    def encode(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, output_hidden_states: bool = False
    ) -> tuple[Tensor, ...] | Encoding:
        """Contextual representations.

        Args:
            input_ids: (batch, length) piece ids, right-padded, any length.
            attention_mask: (batch, length), 1 at pieces and 0 at padding.
            output_hidden_states: return all layers instead of the last ones.

        Returns:
            Each direction's last layer, the forward one first, (batch, length, width) each; or all of an
            :class:`Encoding`. Values at padding mean nothing.
        """
        encoding = self.encode_layers(input_ids, attention_mask)
        return encoding if output_hidden_states else (encoding.forward[-1], *encoding.backward[-1:])

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, softmax_loss: SoftmaxLoss | None = None
    ) -> Losses:
        """The language modelling losses; padding is never a target.

        Args:
            input_ids: (batch, length) piece ids, right-padded.
            attention_mask: (batch, length), 1 at pieces and 0 at padding.
            softmax_loss: how a soft-max over the whole vocabulary is trained; by default, and always for an adaptive
                one, exactly.

        Raises:
            ValueError: ``softmax_loss`` is given, but the model's soft-max is adaptive.
        """
        if softmax_loss is not None and self.config.softmax_clusters is not None:
            raise ValueError("an adaptive soft-max has a loss of its own, but another softmax_loss is given")
        orders = self._orders(input_ids, reversal(input_ids, attention_mask))
        _, read = self._read(orders)
        losses = []
        for direction, (hidden_states, ids) in enumerate(zip(read, orders, strict=True)):
            # Each direction predicts the next piece in its own order; padding comes last in all.
            hidden, targets = hidden_states[-1][:, :-1], ids[:, 1:]
            if attention_mask is None:  # in training, where choosing by a mask would have the host wait for a GPU
                hidden, targets = hidden.flatten(0, 1), targets.flatten()
            else:
                pairs = attention_mask[:, 1:].bool()  # (batch, length - 1): position t and t + 1 are both pieces
                hidden, targets = hidden[pairs], targets[pairs]
            losses.append(self.nats(direction, hidden, targets, softmax_loss) / len(hidden))
        return Losses(sum(losses[1:], losses[0]) / len(losses), *losses)

    def nats(self, direction: int, hidden: Tensor, targets: Tensor, softmax_loss: SoftmaxLoss | None = None) -> Tensor:
        """Sum of one direction's cross-entropies.

        Args:
            direction: 0 forward, 1 backward.
            hidden: (tokens, width).
            targets: (tokens,) piece ids.
            softmax_loss: of a soft-max over the whole vocabulary.
        """
        weight, clusters = self.softmax_weights()[direction], self.softmax_cluster_weights()
        if clusters is None:
            return (softmax_loss or FullSoftmax())(hidden, weight, targets)
        assert self.config.softmax_clusters is not None
        adaptive = AdaptiveSoftmax(self.config.softmax_clusters, self.softmax_order)
        return adaptive(hidden, weight, clusters[direction], targets)


def reversal(input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
    """Positions that reverse each sequence within its own length: (batch, length); its own inverse.

    Raises:
        ValueError: the mask has padding before a piece.
    """
    batch, length = input_ids.shape
    positions = torch.arange(length, device=input_ids.device).expand(batch, length)
    if attention_mask is None:
        return positions.flip(1)
    mask = attention_mask.bool()
    if (mask[:, 1:] & ~mask[:, :-1]).any():
        raise ValueError("attention_mask has padding before a piece; BiXLSTM takes right-padded input only")
    lengths = mask.sum(dim=1, keepdim=True)
    return torch.where(mask, lengths - 1 - positions, positions)


def _take(inputs: Tensor, positions: Tensor) -> Tensor:
    return inputs.gather(1, positions.unsqueeze(-1).expand_as(inputs))
