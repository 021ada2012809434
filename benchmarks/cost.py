"""What a pretraining costs in time: arithmetic over a speed that was measured, or over one that is assumed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from benchmarks.contenders import OURS
from benchmarks.results import Result
from benchmarks.sizes import Size
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.configuration import training_flops_per_token

TOKENS = (1e9, 1e10, 1e11)
DEVICES = (1, 8, 64)
# GB/s at which a ring over all GPUs passes data on, by data sheets. A machine's ways out add up, a ring each.
LINKS = {
    "NVLink 4, within a machine": 450.0,
    "InfiniBand, 400 Gbit/s for each of eight GPUs": 400.0,
    "Ethernet, 100 Gbit/s for eight GPUs": 12.5,
}
BYTES_SENT = 8  # a parameter and step: a ring all-reduce sends float32 gradients twice (Patarasuk and Yuan 2009)


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


def measured_speed(results: Sequence[Result], size: Size) -> tuple[str, float] | None:
    """The CPU on which our training step with the exact soft-max was measured, and its tokens per second, if it was."""
    for result in results:
        if (result.command, result.size, result.device, result.part) == ("training", size.name, "cpu", ""):
            step = result.find(OURS, {"precision": "fp32"})
            rate = step.rate("tokens") if step else None
            return (f"{result.hardware.cpu}, {result.threads} cores", rate) if rate else None
    return None


@dataclass(frozen=True)
class Exchange:
    """What it takes to average the gradients of one step over many devices."""

    link: str
    rate: float
    """GB/s."""
    seconds: float
    """Of one exchange."""
    tokens: float
    """Of one pass on each device, whose backward part takes as long."""


def exchanges(size: Size, tokens_per_second: float) -> list[Exchange]:
    """The time that gradients take over each kind of link, without sharding and with nothing else to wait for.

    DistributedDataParallel exchanges gradients while the backward part of a step's last pass runs. That is two thirds
    of the blocks' arithmetic: the soft-max has its gradients in the forward part.

    Args:
        size: of the model.
        tokens_per_second: of one device.
    """
    config = size.config()
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in BiXLSTM(config).parameters())
    backward_share = 2 / 3 * training_flops_per_token(config, softmax_classes=0) / training_flops_per_token(config)
    found = []
    for link, rate in LINKS.items():
        seconds = BYTES_SENT * parameters / (rate * 1e9)
        found.append(Exchange(link, rate, seconds, seconds * tokens_per_second / backward_share))
    return found


def told_exchanges(exchanges: Sequence[Exchange], length: int) -> list[str]:
    """Markdown lines of a table.

    Args:
        exchanges: its rows.
        length: of a window, in tokens.
    """
    lines = ["| link | GB/s | one exchange | hidden by a pass of, on each GPU |", "|---|---:|---:|---:|"]
    for exchange in exchanges:
        windows = math.ceil(exchange.tokens / length)
        lines.append(
            f"| {exchange.link} | {exchange.rate:.3g} | {1e3 * exchange.seconds:.2g} ms "
            f"| {exchange.tokens:,.0f} tokens ({windows:,} windows) |"
        )
    return lines


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
