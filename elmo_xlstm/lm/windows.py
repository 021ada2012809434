"""Training windows cut from a token stream, in an order that is a function of the step alone."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from elmo_xlstm.errors import UserError
from elmo_xlstm.text.shards import TokenStream


class WindowSampler:
    """Shuffled windows of ``context_length`` tokens for each optimizer step.

    Every epoch starts at another offset and has another order, both drawn from ``seed`` and the epoch, so that the
    step number is the whole data position: resuming, also with another number of processes at the same global batch,
    needs nothing else.

    Args:
        stream: the training tokens.
        context_length: tokens of a window.
        global_batch: windows of one optimizer step, over all processes and accumulated passes.
        seed: of offsets and orders.

    Raises:
        UserError: the stream holds less than one global batch.
    """

    def __init__(self, stream: TokenStream, context_length: int, global_batch: int, seed: int) -> None:
        self._stream = stream
        self._context_length = context_length
        self._global_batch = global_batch
        self._seed = seed
        # One window fewer than fit, so that any offset leaves as many.
        windows = len(stream) // context_length - 1
        self.steps_per_epoch = windows // global_batch
        if self.steps_per_epoch < 1:
            raise UserError(
                f"corpus: its training part has {len(stream):,} tokens, too few for one step of {global_batch} windows "
                f"of {context_length}; use more text, or lower training.batch_size or model.context_length"
            )
        self._order: tuple[int, int, npt.NDArray[np.int64]] = (-1, 0, np.empty(0, dtype=np.int64))

    def batch(self, step: int, process: int = 0, num_processes: int = 1) -> Tensor:
        """This process's share of the windows of a step: (global batch / processes, context length)."""
        starts = self.starts(step)[process::num_processes]
        return torch.from_numpy(np.stack([self._stream.read(at, at + self._context_length) for at in starts]))

    def starts(self, step: int) -> list[int]:
        """Where the windows of a step begin in the stream: (global batch,)."""
        epoch, position = divmod(step, self.steps_per_epoch)
        offset, order = self._epoch(epoch)
        chosen = order[position * self._global_batch : (position + 1) * self._global_batch]
        return [offset + window * self._context_length for window in chosen.tolist()]

    def _epoch(self, epoch: int) -> tuple[int, npt.NDArray[np.int64]]:
        if self._order[0] != epoch:
            generator = np.random.default_rng((self._seed, epoch))
            offset = int(generator.integers(self._context_length))
            windows = len(self._stream) // self._context_length - 1
            self._order = (epoch, offset, generator.permutation(windows))
        return self._order[1], self._order[2]


def validation_windows(
    stream: TokenStream, context_length: int, max_tokens: int | None, process: int = 0, num_processes: int = 1
) -> list[tuple[int, int]]:
    """This process's share of consecutive windows over a stream: (start, stop) each; the last may be shorter."""
    end = len(stream) if max_tokens is None else min(len(stream), max_tokens)
    bounds = [(start, min(start + context_length, end)) for start in range(0, end - 1, context_length)]
    return [bound for bound in bounds if bound[1] - bound[0] > 1][process::num_processes]
