"""What a pretraining costs in time: arithmetic over a speed that was measured, or over one that is assumed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.contenders import OURS
from benchmarks.results import Result
from benchmarks.sizes import Size
from elmo_xlstm.lm.cost import training_flops_per_token

TOKENS = (1e9, 1e10, 1e11)
DEVICES = (1, 8, 64)


@dataclass(frozen=True)
class Cost:
    """Hours on the clock for a number of tokens on a number of devices."""

    devices: int
    tokens_per_second: float
    """Of all devices together."""
    hours: tuple[float, ...]
    """For each of the numbers of tokens."""


def costs(tokens_per_second: float, efficiency: float, devices: Sequence[int] = DEVICES) -> list[Cost]:
    """Cost by number of devices.

    Args:
        tokens_per_second: of one device.
        efficiency: share of it that each of several devices reaches.
        devices: how many.
    """
    found = []
    for count in devices:
        speed = tokens_per_second * count * (efficiency if count > 1 else 1.0)
        found.append(Cost(count, speed, tuple(tokens / speed / 3600 for tokens in TOKENS)))
    return found


def assumed_speed(size: Size, peak: float, mfu: float) -> float:
    """Tokens per second at a fraction of a device's peak.

    Args:
        size: of the model, trained with the exact soft-max.
        peak: in FLOP/s.
        mfu: model FLOP utilisation, the fraction of the peak (Chowdhery et al. 2022, appendix B).
    """
    return peak * mfu / training_flops_per_token(size.config())


def measured_speed(results: Sequence[Result], size: Size) -> float | None:
    """Tokens per second of our training step with the exact soft-max on this machine's CPU, if it was measured."""
    for result in results:
        if result.command == "training" and result.size == size.name and result.device == "cpu":
            step = result.find(OURS, {"precision": "fp32"})
            return step.rate("tokens") if step else None
    return None


def told(costs: Sequence[Cost]) -> list[str]:
    """Markdown lines of a table."""
    header = ["devices", "tokens/s", *(f"{tokens / 1e9:,.0f} B tokens" for tokens in TOKENS)]
    lines = ["| " + " | ".join(header) + " |", "|" + "---:|" * len(header)]
    for cost in costs:
        cells = [f"{cost.devices}", f"{cost.tokens_per_second:,.0f}", *map(_duration, cost.hours)]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def _duration(hours: float) -> str:
    if hours < 1:
        return f"{60 * hours:.0f} min"
    if hours < 100:
        return f"{hours:.1f} h"
    days = hours / 24
    return f"{days:,.0f} days" if days < 1000 else f"{days / 365.25:,.1f} years"
