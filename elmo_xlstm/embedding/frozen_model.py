"""The language model with weights folded for embedding on a CPU, where nothing is trained.

The numbers are those of :mod:`elmo_xlstm.lm` up to rounding. Constant products are computed beforehand, in float64:

- Queries meet keys in ``q k^T = c (Wq^T Wk) c^T``, with ``c`` the convolved input: one block-diagonal product makes the
  queries, and ``c`` itself are the keys.
- Gates read ``q``, ``k`` and ``v``, which are linear in ``c`` and in the cell's input: two products in place of three.
- Head after head is read where it lies, (batch, length, heads, head width) throughout, so that nothing is copied.
- Long input is read by segments with carried states.

Where our compiled kernels can run, they compute what lies between the projections instead; see
:mod:`elmo_xlstm.lm.native`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.embedding.precision import PROJECTIONS, Precision
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.backbones import Backbone
from elmo_xlstm.lm.backbones.mlstm.cell import (
    CHUNK_LENGTH,
    EPSILON,
    PARALLEL_LENGTH,
    LayerState,
    MLSTMState,
    gate_sums,
    mlstm,
)
from elmo_xlstm.lm.backbones.mlstm.layer import BlockDiagonalLinear, MLSTMBlock, MLSTMLayer
from elmo_xlstm.lm.backbones.mlstm.stack import MLSTMStack
from elmo_xlstm.lm.model import BiXLSTM, Encoding, reversal
from elmo_xlstm.lm.native import between_projections, library_problem

# Blocks of block-diagonal products are joined up to this size; twice the size takes twice the time here.
JOINED_BLOCK = 16

# Tokens of long input that all blocks read before the next ones: what they compute then stays in the caches.
SEGMENT_LENGTH = 4 * CHUNK_LENGTH


class FrozenModel:
    """All directions of a :class:`~elmo_xlstm.lm.model.BiXLSTM`; changes to its weights are not seen afterwards.

    Args:
        model: on a CPU; not to be changed afterwards. Another backbone than the mLSTM is used as it is.
        precision: of the projections.
        native: use our compiled kernels where they can run.
    """

    def __init__(self, model: BiXLSTM, precision: Precision, native: bool = True) -> None:
        self._embedding = model.token_embedding.weight.detach()
        native = native and self._embedding.dtype == torch.float32
        native = native and model.config.kernel_problem("native", self._embedding.device) is None
        if native and precision == "bf16":
            native = library_problem(dtype=torch.bfloat16) is None
        self._forward, *self._backward = (_freeze(stack, precision, native) for stack in model.backbones)

    def encode_layers(self, input_ids: Tensor, attention_mask: Tensor) -> Encoding:
        """See :meth:`~elmo_xlstm.lm.model.BiXLSTM.encode_layers`."""
        embeddings = F.embedding(input_ids, self._embedding)
        order = reversal(input_ids, attention_mask).unsqueeze(-1).expand_as(embeddings)
        backward = [hidden for stack in self._backward for hidden in stack(embeddings.gather(1, order))]
        return Encoding(embeddings, self._forward(embeddings), [hidden.gather(1, order) for hidden in backward])


def _freeze(stack: Backbone, precision: Precision, native: bool) -> Callable[[Tensor], list[Tensor]]:
    if isinstance(stack, MLSTMStack):
        return FrozenStack(stack, precision, native)
    if precision == "int8":
        raise UserError(f"embedder precision int8 is for the mLSTM, not for {type(stack).__name__}; choose fp32")
    if native:
        stack.use_kernel("native", torch.device("cpu"))
    return stack if precision == "fp32" else torch.autocast("cpu", torch.bfloat16)(stack)


class FrozenStack:
    """Blocks and a norm after the last.

    Args:
        stack: whose weights are taken.
        precision: of the projections.
        native: use our compiled kernels.
    """

    def __init__(self, stack: MLSTMStack, precision: Precision, native: bool) -> None:
        self._norm_after = stack.post_blocks_norm
        self._blocks: list[tuple[nn.Module, FrozenLayer]] = []
        for block in stack.blocks:
            assert isinstance(block, MLSTMBlock)
            self._blocks.append((block.xlstm_norm, FrozenLayer(block.xlstm, precision, native)))

    def __call__(self, inputs: Tensor) -> list[Tensor]:
        """Outputs of all blocks, each (batch, length, embedding dim); the last one behind the norm."""
        if inputs.shape[1] <= SEGMENT_LENGTH:
            return self._run(inputs, [None] * len(self._blocks))
        outputs = [torch.empty_like(inputs) for _ in self._blocks]
        states: list[LayerState | None] = [None] * len(self._blocks)
        for start in range(0, inputs.shape[1], SEGMENT_LENGTH):
            tokens = slice(start, start + SEGMENT_LENGTH)
            for whole, part in zip(outputs, self._run(inputs[:, tokens], states, carry=True), strict=True):
                whole[:, tokens] = part
        return outputs

    def _run(self, inputs: Tensor, states: list[LayerState | None], carry: bool = False) -> list[Tensor]:
        """Outputs of all blocks; if the input goes on, ``states`` become those after it."""
        hidden, hidden_states = inputs, []
        for index, (norm, layer) in enumerate(self._blocks):
            output, states[index] = layer(norm(hidden), states[index], carry)
            hidden = hidden + output
            hidden_states.append(hidden)
        hidden_states[-1] = self._norm_after(hidden)
        return hidden_states


class FrozenLayer:
    """An mLSTM layer.

    Args:
        layer: whose weights are taken.
        precision: of the projections.
        native: use our compiled kernels.
    """

    def __init__(self, layer: MLSTMLayer, precision: Precision, native: bool) -> None:
        cell = layer.mlstm_cell
        self._native = layer.native_weights() if native else None
        self._heads = cell.num_heads
        self._project_up = PROJECTIONS[precision](layer.proj_up.weight)
        self._project_down = PROJECTIONS[precision](layer.proj_down.weight)
        self._convolve = layer.conv1d
        self._skip = layer.learnable_skip.detach()
        self._head_scale = 1.0 + cell.outnorm.weight.detach()

        query, key, value = (_blocks(part) for part in (layer.q_proj, layer.k_proj, layer.v_proj))  # (block, out, in)
        self._head_width = len(self._skip) // self._heads
        folds = self._head_width % query.shape[1] == 0  # else a block reaches into two heads
        eye = torch.eye(query.shape[1], dtype=query.dtype)
        self._query = _joined(query.transpose(1, 2) @ (key if folds else eye) * self._head_width**-0.5)
        self._key = None if folds else _joined(key.transpose(1, 2))
        self._value = _joined(value.transpose(1, 2))
        gates = torch.cat([cell.igate.weight, cell.fgate.weight]).detach().double().chunk(3, dim=1)
        of_query, of_key, of_value = (
            (weight.unflatten(1, blocks.shape[:2]).unsqueeze(2) @ blocks).flatten(1)  # (2 heads, inner dim)
            for weight, blocks in zip(gates, (query, key, value), strict=True)
        )
        self._gates_of_convolved = (of_query + of_key).float()
        self._gates_of_input = of_value.float()
        self._gate_bias = torch.cat([cell.igate.bias, cell.fgate.bias]).detach().unsqueeze(1)

    def __call__(
        self, inputs: Tensor, state: LayerState | None = None, return_state: bool = False
    ) -> tuple[Tensor, LayerState | None]:
        """Map (batch, length, embedding dim) to the same shape, and the state after the last token if asked for."""
        up = self._project_up(inputs)
        if self._native is not None:
            hidden, state = between_projections(up, self._native, state, return_state)
            return self._project_down(hidden), state
        cell_input, output_gate = up.float().chunk(2, dim=-1)
        before, cell_state = state if state is not None else (None, None)
        convolved, tail = self._convolve(cell_input, before)
        convolved = F.silu(convolved, inplace=True)
        # (batch, length, heads, head width)
        hidden, cell_state = self._cell(cell_input, convolved, cell_state, return_state)
        hidden = F.layer_norm(hidden, hidden.shape[-1:]).flatten(2)
        hidden = hidden.mul_(self._head_scale).addcmul_(self._skip, convolved).mul_(F.silu(output_gate))
        return self._project_down(hidden), LayerState(tail, cell_state) if cell_state is not None else None

    def _cell(
        self, cell_input: Tensor, convolved: Tensor, state: MLSTMState | None, return_state: bool
    ) -> tuple[Tensor, MLSTMState | None]:
        batch, length, _ = convolved.shape
        shape = (batch, length, self._heads, self._head_width)
        queries = _block_product(convolved, self._query).view(shape)
        values = _block_product(cell_input, self._value).view(shape)
        keys = (convolved if self._key is None else _block_product(convolved, self._key)).view(shape)
        gates = torch.addmm(self._gate_bias, self._gates_of_input, cell_input.flatten(0, 1).T)
        gates = gates.addmm_(self._gates_of_convolved, convolved.flatten(0, 1).T)  # (2 heads, batch * length)
        input_gates, forget_gates = gates.view(-1, batch, length).transpose(0, 1).chunk(2, dim=1)
        if length > PARALLEL_LENGTH or state is not None or return_state:
            q, k, v = (tensor.transpose(1, 2) for tensor in (queries * self._head_width**0.5, keys, values))
            heads, state = mlstm(q, k, v, input_gates, forget_gates, state, return_state)
            return heads.transpose(1, 2), state

        # See elmo_xlstm.lm.backbones.mlstm.cell for the symbols.
        weight, running, _, floor = gate_sums(input_gates, F.logsigmoid(forget_gates))  # (batch, heads, length) each
        decayed = weight.unsqueeze(2) - running.unsqueeze(3)  # (batch, heads, length, length)
        future = torch.ones(length, length, dtype=torch.bool).triu_(1)
        decayed = decayed.masked_fill_(future, -torch.inf).exp_()
        scores = torch.empty_like(decayed)
        for head in range(self._heads):
            torch.bmm(queries[:, :, head], keys[:, :, head].transpose(1, 2), out=scores[:, head])
        scores.mul_(decayed)
        denominator = scores.sum(dim=-1)
        scores.div_((torch.maximum(denominator.abs_(), floor) + EPSILON).unsqueeze(-1))
        hidden = torch.empty(shape)
        for head in range(self._heads):
            torch.bmm(scores[:, head], values[:, :, head], out=hidden[:, :, head])
        return hidden, None


def _blocks(projection: BlockDiagonalLinear) -> Tensor:
    """(block, out, in), float64."""
    return projection.weight.detach().double()


def _joined(blocks: Tensor) -> Tensor:
    """Square blocks (block, in, out) joined to fewer and larger ones, float32."""
    count, size, _ = blocks.shape
    together = math.gcd(count, max(1, JOINED_BLOCK // size))
    joined = [torch.block_diag(*group) for group in blocks.view(-1, together, size, size)]
    return torch.stack(joined).float()


def _block_product(inputs: Tensor, blocks: Tensor) -> Tensor:
    """(batch, length, dim) times a block-diagonal matrix (block, in, out): (batch * length, dim)."""
    count, size, _ = blocks.shape
    rows = inputs.flatten(0, 1).unflatten(1, (count, size)).transpose(0, 1)  # (block, batch * length, in), a view
    product = torch.empty(inputs.shape[0] * inputs.shape[1], count, size)
    torch.bmm(rows, blocks, out=product.transpose(0, 1))
    return product
