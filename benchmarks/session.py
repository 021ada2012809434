"""Settings of one measurement: size, device, threads, repeats, inputs."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from benchmarks.sizes import Size
from elmo_xlstm.errors import UserError

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@dataclass(frozen=True)
class Session:
    """Settings of one call of a command.

    Attributes:
        size: of the models.
        repeats: timed calls of each contender.
        device: of models and inputs.
        threads: of torch.
        only: names of the contenders to measure; all if empty.
        wanted: precisions to measure; all that the hardware computes if empty.
        sentences: file of the sentences to embed; the bundled sample if ``None``.
        most: sentences at most, drawn evenly from the file; all if ``None``.
        part: name of a table of some contenders, beside the one of all; empty for that one.
        output: directory of the stored results.
    """

    size: Size
    repeats: int = 7
    device: torch.device = torch.device("cpu")
    threads: int = 1
    only: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    sentences: Path | None = None
    most: int | None = None
    part: str = ""
    output: Path = Path()

    def wants(self, contender: str) -> bool:
        """Whether a contender is to be measured."""
        return not self.only or contender in self.only

    def place(self, module: ModuleT) -> ModuleT:
        """Move a module to the device."""
        nn.Module.to(module, self.device)
        return module

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

    def pieces(self, batch: int, length: int) -> Tensor:
        """(batch, length) random piece ids, as unevenly frequent as words are (Zipf): id 0 comes most often."""
        size = self.size.vocab_size
        uniform = torch.rand(batch, length, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
        ids = (size + 1) ** uniform - 1  # chance of rank r: log((r + 2) / (r + 1)) / log(size + 1)
        return ids.long().clamp_(max=size - 1).to(self.device)


def cpu_has_bf16() -> bool:
    """Whether the processor multiplies bf16 matrices in hardware; elsewhere it is many times slower than fp32."""
    try:
        flags = set(Path("/proc/cpuinfo").read_text(encoding="utf-8").split())
    except OSError:
        return False
    return bool(flags & {"avx512_bf16", "amx_bf16"})
