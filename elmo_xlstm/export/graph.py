"""The language model and heads as graphs without branches, whose inputs are the arrays of a batch."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.embedding.pieces import Pooling
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.backbones.mlstm.cell import EPSILON
from elmo_xlstm.lm.backbones.mlstm.layer import MLSTMBlock
from elmo_xlstm.lm.backbones.mlstm.stack import MLSTMStack
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_directory import to_int8_rows
from elmo_xlstm.modules import Head, LabelledBatch, Tagger, WordBatch

PIECES = ("input_ids", "piece_counts", "first", "last")
"""Inputs of the language model: (B, P) piece ids, (B,) how many, (B, L) each word's first and last piece; int64."""
WORDS = ("word_counts", "words", "characters")
"""Inputs of a head: (B,) how many words, (B, L) word ids, (B, L, C) character ids; int64."""


def masked_parallel_form(
    queries: Tensor, keys: Tensor, values: Tensor, input_gates: Tensor, forget_gates: Tensor
) -> Tensor:
    """The mLSTM of a whole sequence with a masked maximum in place of a running one.

    See :mod:`elmo_xlstm.lm.backbones.mlstm.cell` for the symbols.

    Args:
        queries: (batch, heads, length, head width).
        keys: likewise.
        values: likewise.
        input_gates: (batch, heads, length) pre-activations.
        forget_gates: likewise.
    """
    length = queries.shape[2]
    decay = -F.softplus(-forget_gates).cumsum(dim=-1)  # F, of log-sigmoids
    weight = input_gates - decay  # a
    future = torch.ones(length, length, dtype=torch.bool, device=queries.device).triu(1)
    sources = weight.unsqueeze(2).expand(-1, -1, length, -1).masked_fill(future, -torch.inf)
    running = sources.amax(dim=-1)  # A
    scores = (queries @ (keys * queries.shape[-1] ** -0.5).transpose(-1, -2)) * (sources - running.unsqueeze(-1)).exp()
    floor = torch.exp(-(decay + running).clamp(min=-80.0))
    scale = torch.maximum(scores.sum(dim=-1).abs(), floor) + EPSILON
    mixed: Tensor = (scores @ values) / scale.unsqueeze(-1)
    return mixed


class StoredRows(nn.Module):
    """An embedding table, in the smallest numbers that hold it exactly: 8-bit with a scale a row, fp16, or fp32."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        weight = weight.detach().float()
        self.scales: Tensor | None
        rows, *scales = to_int8_rows("rows", weight).values()
        exact = bool(scales) and torch.equal(rows.float() * scales[0], weight)
        half = weight.half()
        self.register_buffer("rows", rows if exact else half if torch.equal(half.float(), weight) else weight)
        self.register_buffer("scales", scales[0] if exact else None)

    def forward(self, ids: Tensor) -> Tensor:
        """(...) ids to (..., width)."""
        assert isinstance(self.rows, Tensor)
        rows = self.rows[ids].float()
        return rows if self.scales is None else rows * self.scales[ids]


class LayersGraph(nn.Module):
    """Layers of words from :data:`PIECES`.

    Args:
        model: on a CPU; is not changed.
        pooling: which pieces stand for a word.

    Raises:
        UserError: its backbone is another than the mLSTM.
    """

    def __init__(self, model: BiXLSTM, pooling: Pooling) -> None:
        super().__init__()
        self._pooling = pooling
        self.table = StoredRows(model.token_embedding.weight)
        self.stacks = nn.ModuleList(copy.deepcopy(stack) for stack in model.backbones)
        for stack in self.stacks:
            if not isinstance(stack, MLSTMStack):
                raise UserError(f"a model of {type(stack).__name__} cannot be exported to ONNX; the mLSTM can")
            for block in (block for block in stack.blocks if isinstance(block, MLSTMBlock)):
                block.xlstm.fused = False
                block.xlstm.mlstm_cell.kernel = masked_parallel_form

    def forward(self, input_ids: Tensor, piece_counts: Tensor, first: Tensor, last: Tensor) -> Tensor:
        """(B, L, layers, 2 * width)."""
        positions = torch.arange(input_ids.shape[1], device=input_ids.device).unsqueeze(0)
        ends = piece_counts.unsqueeze(1)
        order = torch.where(positions < ends, ends - 1 - positions, positions)  # reverses each within its own length
        embeddings = self.table(input_ids)
        order = order.unsqueeze(-1).expand(-1, -1, embeddings.shape[-1])
        ahead, back = self.stacks
        forward = torch.stack([embeddings, *ahead(embeddings)], dim=2)  # (B, P, layers, width)
        reversed_layers = back(embeddings.gather(1, order))
        backward = torch.stack([embeddings, *(layer.gather(1, order) for layer in reversed_layers)], dim=2)
        if self._pooling == "mean":
            places = positions.unsqueeze(1)  # (1, 1, P)
            within = (places >= first.unsqueeze(2)) & (places <= last.unsqueeze(2))  # (B, L, P)
            shares = within.float() / within.sum(dim=2, keepdim=True)
            both = torch.cat([forward, backward], dim=-1)
            means: Tensor = (shares @ both.flatten(2)).unflatten(2, both.shape[2:])
            return means
        chosen = {"boundary": (last, first), "first": (first, first), "last": (last, last)}[self._pooling]
        return torch.cat([_take(forward, chosen[0]), _take(backward, chosen[1])], dim=-1)


def _take(layers: Tensor, places: Tensor) -> Tensor:
    """(B, P, layers, width) at places (B, L)."""
    return layers.gather(1, places[:, :, None, None].expand(-1, -1, *layers.shape[2:]))


class HeadGraph(nn.Module):
    """A head's output from :data:`WORDS` and, if it reads a language model, :data:`PIECES`.

    Args:
        head: a tagger, or a head for labels of single texts.
        layers: of its language model, if it reads one.
        inputs: names of the inputs, in their order.
        stored: round layers as the feature store does, which the head was trained with.
    """

    def __init__(self, head: Head, layers: LayersGraph | None, inputs: Sequence[str], stored: bool) -> None:
        super().__init__()
        self.head = _with_symbolic_lstms(copy.deepcopy(head))
        self.head.features.language_model = None
        self.layers = layers
        self._inputs = tuple(inputs)
        self._stored = stored

    def forward(self, *arrays: Tensor) -> Tensor:
        """Emission scores (B, L, K), or probabilities (B, A, K)."""
        given = dict(zip(self._inputs, arrays, strict=True))
        layers = None
        if self.layers is not None:
            layers = self.layers(*(given[name] for name in PIECES))
            layers = layers.half().float() if self._stored else layers
        shape = next(given[name] for name in ("first", "words", "characters") if name in given).shape
        places = torch.arange(shape[1], device=arrays[0].device)
        mask = places < given["word_counts"].unsqueeze(1)
        batch = WordBatch(mask, layers, given.get("words"), given.get("characters"))
        if isinstance(self.head, Tagger):
            emissions: Tensor = self.head(batch)
            return emissions
        probabilities: Tensor = self.head(LabelledBatch((batch,))).float().softmax(dim=-1)
        return probabilities


class SymbolicLSTM(nn.Module):
    """One direction of a torch LSTM as ONNX's own operator: tracing torch's fixes batch and length to the example's."""

    def __init__(self, lstm: nn.LSTM) -> None:
        super().__init__()
        if lstm.num_layers != 1 or lstm.bidirectional or not lstm.batch_first or lstm.proj_size or not lstm.bias:
            raise UserError("an encoder with an LSTM of several layers or directions cannot be exported to ONNX")
        self.hidden_size = lstm.hidden_size
        gates = [
            _gates(getattr(lstm, f"{name}_l0").detach()) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        self.inputs, self.recurrent = (nn.Parameter(weight[None], requires_grad=False) for weight in gates[:2])
        self.bias = nn.Parameter(torch.cat(gates[2:])[None], requires_grad=False)

    def forward(self, hidden: Tensor) -> tuple[Tensor, None]:
        """(B, L, D) to (B, L, H)."""
        batch, length, _ = hidden.shape
        output = torch.onnx.ops.symbolic(
            "LSTM",
            (hidden.transpose(0, 1), self.inputs, self.recurrent, self.bias),
            {"hidden_size": self.hidden_size},
            dtype=hidden.dtype,
            shape=(length, 1, batch, self.hidden_size),
        )
        return output.squeeze(1).transpose(0, 1), None


def _gates(rows: Tensor) -> Tensor:
    """Rows for torch's gates (input, forget, cell, output) in ONNX's order (input, output, forget, cell)."""
    taken, forget, cell, output = rows.chunk(4)
    return torch.cat([taken, output, forget, cell])


def _with_symbolic_lstms(head: Head) -> Head:
    for module in list(head.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.LSTM):
                setattr(module, name, SymbolicLSTM(child))
    return head


def inputs_of(head: Head) -> list[str]:
    """Names of the arrays that a head is computed from."""
    features = head.features
    optional = {"words": features.words, "characters": features.characters}
    words = [name for name in WORDS if name not in optional or optional[name] is not None]
    return [*words, *(PIECES if features.mix is not None else ())]
