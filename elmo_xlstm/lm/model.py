"""The bidirectional mLSTM language model as a Hugging Face model."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.utils import ModelOutput
from transformers.utils import logging as transformers_logging

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.backbones import Backbone, Kernel
from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.losses import AdaptiveSoftmax, FullSoftmax, SoftmaxLoss
from elmo_xlstm.lm.losses.adaptive import frequency_order
from elmo_xlstm.lm.model_directory import WEIGHTS_FILE, from_int8_rows, has_int8_rows, read_architecture, verify_files
from elmo_xlstm.runs.weights import require_finite


@dataclass
class BiXLSTMOutput(ModelOutput):
    """Losses of both directions, in nats per predicted piece.

    Attributes:
        loss: mean of the two directions' losses.
        forward_loss: of predicting each piece from those before it.
        backward_loss: of predicting each piece from those after it.
    """

    loss: Tensor | None = None
    forward_loss: Tensor | None = None
    backward_loss: Tensor | None = None


@dataclass
class Encoding:
    """Hidden states of both directions.

    Attributes:
        embeddings: (batch, length, width) token embeddings, shared by the directions.
        forward: per block, (batch, length, width); position t has read pieces up to t.
        backward: per block, (batch, length, width); position t has read pieces from t on.
    """

    embeddings: Tensor
    forward: list[Tensor]
    backward: list[Tensor]

    def layers(self) -> list[Tensor]:
        """ELMo's layers, (batch, length, 2 * width) each: the doubled embedding, then each block's two directions."""
        doubled = torch.cat([self.embeddings, self.embeddings], dim=-1)
        pairs = zip(self.forward, self.backward, strict=True)
        return [doubled, *(torch.cat(pair, dim=-1) for pair in pairs)]


class BiXLSTM(PreTrainedModel):
    """A forward and a backward causal language model over one token embedding (Peters et al. 2018, section 3.1).

    Each direction is a backbone of the configuration's kind, by default a stack of mLSTM blocks.

    Its output is one soft-max over the vocabulary, or an adaptive one if the configuration has ``softmax_clusters``, or
    nothing at all if ``softmax`` is ``none``: such a model encodes, but has no loss.

    Padding is to the right. The backward direction reads each sequence reversed within its own length, so that
    padding is never read before a piece.
    """

    config_class = BiXLSTMConfig
    config: BiXLSTMConfig
    base_model_prefix = "bixlstm"
    main_input_name = "input_ids"
    _no_split_modules = ["MLSTMBlock"]

    def __init__(self, config: BiXLSTMConfig) -> None:
        super().__init__(config)
        self.token_embedding = nn.Embedding(config.vocab_size, config.embedding_dim)
        self.forward_stack = config.backbone_settings.build(config)
        self.backward_stack = config.backbone_settings.build(config)
        if config.softmax in ("separate", "shared"):
            self.forward_softmax = nn.Parameter(torch.empty(config.vocab_size, config.embedding_dim))
        if config.softmax == "separate":
            self.backward_softmax = nn.Parameter(torch.empty(config.vocab_size, config.embedding_dim))
        if config.softmax_clusters is not None:
            shape = len(config.softmax_clusters), config.embedding_dim
            self.forward_softmax_clusters = nn.Parameter(torch.empty(shape))
            if config.softmax == "separate":
                self.backward_softmax_clusters = nn.Parameter(torch.empty(shape))
            self.softmax_order: Tensor
            self.register_buffer("softmax_order", torch.arange(config.vocab_size))  # saved with the weights
        self.post_init()

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        # Overridden whole: the inherited rules would overwrite gate biases and norm scales.
        small = math.sqrt(2 / (5 * self.config.embedding_dim))  # Nguyen and Salazar 2019
        if module is self:
            weights = self.softmax_weights() if self.config.softmax in ("separate", "shared") else ()
            for weight in (*weights, *(self.softmax_cluster_weights() or ())):
                nn.init.normal_(weight, std=small)
        elif module is self.token_embedding:
            nn.init.normal_(module.weight, std=small)
        else:
            self.forward_stack.initialize(module)

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> BiXLSTM:
        """Load a directory or a hub name, as every Hugging Face model does, but never with weights left random.

        Weights are converted to float32, in whatever precision they are stored; another: ``dtype=``.

        Raises:
            UserError: config.json is no architecture, the weights are not its own or not finite, or a file is not what
                its checksum says.
        """
        source = pretrained_model_name_or_path
        if isinstance(pretrained_model_name_or_path, str | PathLike):
            directory = Path(pretrained_model_name_or_path)
            verify_files(directory)
            if directory.is_dir() and "config" not in kwargs:
                kwargs["config"] = read_architecture(directory, cls)
                weights = load_file(directory / WEIGHTS_FILE)
                if has_int8_rows(weights):
                    kwargs["state_dict"], source = from_int8_rows(weights), None
        if "torch_dtype" not in kwargs:
            kwargs.setdefault("dtype", torch.float32)
        wants_report = kwargs.pop("output_loading_info", False)
        kwargs["use_safetensors"] = True  # never a pickle, even where there is nothing else
        kwargs["ignore_mismatched_sizes"] = True  # to be reported below, with the keys, like every other difference
        with _without_progress_bars():
            loaded: Any = super().from_pretrained(source, *args, output_loading_info=True, **kwargs)
        model, report = loaded
        for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
            if report[problem]:
                keys = sorted(map(str, report[problem]))
                raise UserError(
                    f"{pretrained_model_name_or_path}: not the weights of a BiXLSTM as its config.json says: "
                    f"{problem.replace('_', ' ')}: {', '.join(keys[:5])}"
                    + (f" and {len(keys) - 5} more" if keys[5:] else "")
                    + "; restore both files from the same source"
                )
        require_finite(model.state_dict(), pretrained_model_name_or_path)
        return loaded if wants_report else model

    def save_pretrained(self, *args: Any, **kwargs: Any) -> None:
        """Write weights and configuration, as every Hugging Face model does."""
        with _without_progress_bars():
            super().save_pretrained(*args, **kwargs)

    @property
    def backbones(self) -> tuple[Backbone, Backbone]:
        """The forward and the backward direction."""
        return self.forward_stack, self.backward_stack

    def use_kernel(self, kernel: Kernel, device: torch.device) -> None:
        """Choose what computes whole sequences in both directions.

        Args:
            kernel: one that the backbone has.
            device: on which the model runs.

        Raises:
            UserError: the backbone has no such kernels, or they cannot run here.
        """
        self.config.backbone_settings.require_kernel(kernel)
        for backbone in self.backbones:
            backbone.use_kernel(kernel, device)

    def get_input_embeddings(self) -> nn.Module:
        """The token embedding that both directions share."""
        return self.token_embedding

    def set_input_embeddings(self, value: nn.Embedding) -> None:  # type: ignore[override]
        """Replace the token embedding."""
        self.token_embedding = value

    def softmax_weights(self) -> tuple[Tensor, Tensor]:
        """Output weights of the forward and the backward direction, (vocabulary, width) each.

        Raises:
            UserError: the model has none.
        """
        match self.config.softmax:
            case "none":
                raise UserError(
                    f"{self.name_or_path or 'the model'}: was exported for embedding, without its soft-max weights; "
                    "perplexity and training need them: use the pretraining run that it was exported from"
                )
            case "tied":
                return self.token_embedding.weight, self.token_embedding.weight
            case "shared":
                return self.forward_softmax, self.forward_softmax
            case _:
                return self.forward_softmax, self.backward_softmax

    def softmax_cluster_weights(self) -> tuple[Tensor, Tensor] | None:
        """Cluster rows of an adaptive soft-max in the forward and the backward direction, (clusters, width) each."""
        if self.config.softmax_clusters is None:
            return None
        separate = self.config.softmax == "separate"
        forward = self.forward_softmax_clusters
        return forward, self.backward_softmax_clusters if separate else forward

    def order_vocabulary(self, token_counts: npt.NDArray[np.int64]) -> None:
        """Rank the pieces of an adaptive soft-max by how often they occur, before training; else do nothing.

        Args:
            token_counts: (vocabulary,) occurrences of each piece in the training text.
        """
        if self.config.softmax_clusters is not None:
            self.softmax_order.copy_(frequency_order(token_counts))

    def encode_layers(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Encoding:
        """Run both directions over sequences of any length.

        Args:
            input_ids: (batch, length) piece ids, right-padded.
            attention_mask: (batch, length), 1 at pieces and 0 at padding; all pieces by default.

        Raises:
            ValueError: padding is not to the right.
        """
        order = reversal(input_ids, attention_mask)  # (batch, length)
        embeddings, forward, backward = self._read(input_ids, input_ids.gather(1, order))
        return Encoding(embeddings, forward, [_take(hidden, order) for hidden in backward])

    def _read(self, input_ids: Tensor, reversed_ids: Tensor) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """Token embeddings, and the outputs of both directions' blocks, of the backward one in reversed order."""
        embeddings, reversed_embeddings = self.token_embedding(torch.cat([input_ids, reversed_ids])).chunk(2)
        return embeddings, self.forward_stack(embeddings), self.backward_stack(reversed_embeddings)

    def encode(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, output_hidden_states: bool = False
    ) -> tuple[Tensor, Tensor] | Encoding:
        """Contextual representations.

        Args:
            input_ids: (batch, length) piece ids, right-padded, any length.
            attention_mask: (batch, length), 1 at pieces and 0 at padding.
            output_hidden_states: return all layers instead of the last ones.

        Returns:
            The forward and the backward direction's last layer, (batch, length, width) each; or all of an
            :class:`Encoding`. Values at padding mean nothing.
        """
        encoding = self.encode_layers(input_ids, attention_mask)
        return encoding if output_hidden_states else (encoding.forward[-1], encoding.backward[-1])

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, softmax_loss: SoftmaxLoss | None = None
    ) -> BiXLSTMOutput:
        """Both language modelling losses; padding is never a target.

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
        reversed_ids = input_ids.gather(1, reversal(input_ids, attention_mask))
        _, forward, backward = self._read(input_ids, reversed_ids)
        # Each direction predicts the next piece in its own order; padding comes last in both.
        forward_hidden, backward_hidden = forward[-1][:, :-1], backward[-1][:, :-1]
        next_ids, previous_ids = input_ids[:, 1:], reversed_ids[:, 1:]
        if attention_mask is None:  # in training, where choosing by a mask would have the host wait for a GPU
            forward_hidden, backward_hidden, next_ids, previous_ids = (
                tensor.flatten(0, 1) for tensor in (forward_hidden, backward_hidden, next_ids, previous_ids)
            )
        else:
            pairs = attention_mask[:, 1:].bool()  # (batch, length - 1): position t and t + 1 are both pieces
            forward_hidden, backward_hidden, next_ids, previous_ids = (
                tensor[pairs] for tensor in (forward_hidden, backward_hidden, next_ids, previous_ids)
            )
        count = len(forward_hidden)
        forward_loss = self._nats(0, forward_hidden, next_ids, softmax_loss) / count
        backward_loss = self._nats(1, backward_hidden, previous_ids, softmax_loss) / count
        return BiXLSTMOutput((forward_loss + backward_loss) / 2, forward_loss, backward_loss)

    def _nats(self, direction: int, hidden: Tensor, targets: Tensor, softmax_loss: SoftmaxLoss | None) -> Tensor:
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


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Transformers shows a bar for every file, of which there is one; ours are for long work."""
    was_on = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            transformers_logging.enable_progress_bar()


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
