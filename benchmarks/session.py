"""How a command measures: size, device, threads, repeats."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from benchmarks.sizes import Size
from benchmarks.timing import K, Samples, interleave
from elmo_xlstm.errors import UserError

MEMORY_FIELD = "MemAvailable:"

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@dataclass(frozen=True)
class Session:
    """Settings of one call of a command.

    Attributes:
        size: of the models.
        repeats: timed calls of each contender.
        device: where tensors lie.
        threads: of torch.
        only: names of the contenders to measure; all if empty.
        wanted: precisions to measure; all that the hardware computes if empty.
    """

    size: Size
    repeats: int = 7
    device: torch.device = torch.device("cpu")
    threads: int = 1
    only: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()

    def wants(self, contender: str) -> bool:
        """Whether a contender is to be measured."""
        return not self.only or contender in self.only

    def place(self, module: ModuleT) -> ModuleT:
        """Move a module to the device."""
        nn.Module.to(module, self.device)
        return module

    def synchronize(self) -> None:
        """Wait until the device has finished."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def time(self, runs: Mapping[K, Callable[[], object]]) -> Samples[K]:
        """Time runs in turn."""
        return interleave(runs, self.repeats, self.synchronize)

    def precisions(self) -> list[str]:
        """fp32, and bf16 where the hardware computes it; of these the wanted ones.

        Raises:
            UserError: a precision is wanted that is not among them.
        """
        has_bf16 = torch.cuda.is_bf16_supported() if self.device.type == "cuda" else cpu_has_bf16()
        found = ["fp32", "bf16"] if has_bf16 else ["fp32"]
        for name in self.wanted:
            if name not in found:
                raise UserError(f"--precision {name}: this hardware has {', '.join(found)}")
        return [name for name in found if not self.wanted or name in self.wanted]

    def autocast(self, precision: str) -> AbstractContextManager[object]:
        """The context for a precision's forward pass."""
        return torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16")

    def pieces(self, batch: int, length: int, vocab_size: int | None = None) -> Tensor:
        """(batch, length) random piece ids, as unevenly frequent as words are (Zipf): id 0 comes most often."""
        size = vocab_size or self.size.vocab_size
        uniform = torch.rand(batch, length, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        ids = (size + 1) ** uniform - 1  # chance of rank r: log((r + 2) / (r + 1)) / log(size + 1)
        return ids.long().clamp_(max=size - 1).to(self.device)

    def free_bytes(self) -> float:
        """Memory that the device has left; infinite where the system does not say."""
        if self.device.type == "cuda":
            return float(torch.cuda.mem_get_info(self.device)[0])
        try:
            lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        except OSError:
            return float("inf")
        return next((1024.0 * int(line.split()[1]) for line in lines if line.startswith(MEMORY_FIELD)), float("inf"))


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 matrices in hardware; elsewhere it is many times slower than fp32."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return False
    return bool(flags & {"avx512_bf16", "amx_bf16"})
