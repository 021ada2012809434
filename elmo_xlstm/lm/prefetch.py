"""Training windows read and copied to the device while the step before them runs."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

import torch
from torch import Tensor


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
