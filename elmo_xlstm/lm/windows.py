"""Training windows: which ones a step has, as a function of the step alone, and reading them ahead."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

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


class WindowPrefetcher:
    """Hands out the windows of one step while a thread makes those of the next ready.

    Windows are a function of the step, so that reading ahead changes no number and nothing has to be remembered in a
    checkpoint. On a CUDA device the thread copies from pinned memory on a stream of its own. To be used as a context.

    Args:
        read: gives the windows of a step, (windows, length), on the CPU; called by the thread only.
        device: where they go.
        stop: no step from this one on is read ahead.
    """

    def __init__(self, read: Callable[[int], Tensor], device: torch.device, stop: int) -> None:
        self._read = read
        self._device = device
        self._stop = stop
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="windows")
        self._ahead: tuple[int, Future[tuple[Tensor, torch.cuda.Event | None]]] | None = None
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None

    def __enter__(self) -> WindowPrefetcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._thread.shutdown(cancel_futures=True)

    def windows(self, step: int) -> Tensor:
        """The windows of ``step`` on the device; those of the next step are then under way.

        Raises:
            Exception: what ``read`` raised for this step.
        """
        if self._ahead is not None and self._ahead[0] == step:
            future = self._ahead[1]
        else:
            future = self._thread.submit(self._load, step)
        self._ahead = (step + 1, self._thread.submit(self._load, step + 1)) if step + 1 < self._stop else None
        windows, copied = future.result()
        if copied is not None:
            current = torch.cuda.current_stream(self._device)
            current.wait_event(copied)
            windows.record_stream(current)  # its memory is not given away before the step has read it
        return windows

    def _load(self, step: int) -> tuple[Tensor, torch.cuda.Event | None]:
        windows = self._read(step)
        if self._stream is None:
            return windows.to(self._device), None
        with torch.cuda.stream(self._stream):
            windows = windows.pin_memory().to(self._device, non_blocking=True)
            copied = torch.cuda.Event()
            copied.record()
        return windows, copied
