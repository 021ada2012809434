"""Time that a pretraining takes: arithmetic over a speed that was measured, or over one that is assumed."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from benchmarks.contenders import OURS
from benchmarks.results import Result, markdown
from benchmarks.sizes import Size
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.cost import training_flops_per_token

TOKENS = (1e9, 1e10, 1e11)
DEVICES = (1, 8, 64)
# GB/s at which a ring over all GPUs passes data on, by data sheets. A machine's ways out add up, a ring each.
LINKS = {
    "NVLink 4, within a machine": 450.0,
    "InfiniBand, 400 Gbit/s for each of eight GPUs": 400.0,
    "Ethernet, 100 Gbit/s for eight GPUs": 12.5,
}
BYTES_SENT = 8  # a parameter and step: a ring all-reduce sends float32 gradients twice (Patarasuk and Yuan 2009)


def assumed_speed(size: Size, peak: float, mfu: float) -> float:
    """Tokens per second of our exact soft-max at a fraction ``mfu`` of a device's ``peak`` in FLOP/s.

    That is the model FLOP utilisation of Chowdhery et al. (2022, appendix B).
    """
    return peak * mfu / training_flops_per_token(size.config())


def measured_speed(results: Sequence[Result], size: Size) -> float | None:
    """Tokens per second of our training step with the exact soft-max on a CPU, if it is stored."""
    for result in results:
        if result.name == f"training-{size.name}-cpu" and (step := result.find(OURS, {"precision": "fp32"})):
            return step.rate("tokens")
    return None


def exchange(size: Size, rate: float, tokens_per_second: float) -> tuple[float, float]:
    """Seconds of one exchange of gradients without sharding, and tokens of a pass on each device that hides it.

    DistributedDataParallel exchanges gradients while the backward part of a step's last pass runs. That is two thirds
    of the blocks' arithmetic: the soft-max has its gradients in the forward part.

    Args:
        size: of the model.
        rate: of the link, in GB/s.
        tokens_per_second: of one device.
    """
    config = size.config()
    with torch.device("meta"):
        parameters = sum(parameter.numel() for parameter in BiXLSTM(config).parameters())
    seconds = BYTES_SENT * parameters / (rate * 1e9)
    backward_share = 2 / 3 * training_flops_per_token(config, softmax_classes=0) / training_flops_per_token(config)
    return seconds, seconds * tokens_per_second / backward_share


def cost_tables(results: Sequence[Result], size: Size, peak: float, mfu: float, efficiency: float) -> dict[str, str]:
    """Markdown tables: time on the measured CPU if it is stored, time on assumed GPUs, exchange of their gradients.

    Args:
        results: that are stored.
        size: of the model.
        peak: of one GPU, in FLOP/s.
        mfu: fraction of it that is assumed.
        efficiency: of several GPUs, assumed.
    """
    speed, measured = assumed_speed(size, peak, mfu), measured_speed(results, size)
    tables = {"cost-cpu": hours_table(measured, 1.0, (1,))} if measured else {}
    tables["cost-gpu"] = hours_table(speed, efficiency, DEVICES)
    rows = []
    for link, rate in LINKS.items():
        seconds, tokens = exchange(size, rate, speed)
        windows = f"{tokens:,.0f} tokens ({math.ceil(tokens / size.length):,} windows)"
        rows.append([link, f"{rate:.3g}", f"{1e3 * seconds:.2g} ms", windows])
    tables["cost-links"] = markdown(["link", "GB/s", "one exchange", "hidden by a pass of, on each GPU"], rows)
    return tables


def hours_table(tokens_per_second: float, efficiency: float, devices: Sequence[int]) -> str:
    """Hours on the clock by number of devices and tokens.

    Args:
        tokens_per_second: of one device.
        efficiency: share of that speed that each of several devices reaches.
        devices: how many.
    """
    rows = []
    for count in devices:
        speed = tokens_per_second * count * (efficiency if count > 1 else 1.0)
        rows.append([f"{count}", f"{speed:,.0f}", *(duration(tokens / speed / 3600) for tokens in TOKENS)])
    return markdown(["devices", "tokens/s", *(f"{tokens / 1e9:,.0f} B tokens" for tokens in TOKENS)], rows)


def duration(hours: float) -> str:
    """Hours in the unit that a reader would choose."""
    if hours < 1:
        return f"{60 * hours:.0f} min"
    if hours < 100:
        return f"{hours:.1f} h"
    days = hours / 24
    return f"{days:,.0f} days" if days < 1000 else f"{days / 365.25:,.1f} years"
