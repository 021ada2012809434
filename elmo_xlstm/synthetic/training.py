"""Train one model on one synthetic task and measure it: a cell of the paper's figures."""

from __future__ import annotations

import time
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.config import Settings
from elmo_xlstm.lm.configuration import BiXLSTMConfig, Sizes
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.optimization import OptimizerSettings
from elmo_xlstm.progress import Work
from elmo_xlstm.synthetic.recall import IGNORED
from elmo_xlstm.synthetic.tasks import SyntheticTask

TEST_SEED = 1_000_003
"""All models are measured on the same sequences, which none was trained on."""


class SyntheticTraining(Settings):
    """Steps, batches and AdamW as in the paper (Beck et al. 2024, appendix D.1)."""

    steps: Annotated[int, Field(ge=1)] = 10_000
    batch_size: Annotated[int, Field(ge=1)] = 256
    learning_rates: Annotated[tuple[float, ...], Field(min_length=1)] = (1e-2, 1e-3, 1e-4)
    """One run for each; the one with the best accuracy on sequences as those of training is taken."""
    final_learning_rate: Annotated[float, Field(ge=0)] = 1e-5
    """At the end of the cosine decay."""
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1
    """Share of the steps."""
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: Annotated[float, Field(ge=0)] = 0.1
    gradient_clip: Annotated[float, Field(gt=0)] = 1.0
    test_sequences: Annotated[int, Field(ge=1)] = 1024
    """Measured for each range of lengths."""
    test_every: Annotated[int, Field(ge=1)] = 250
    """Steps between measurements, which show how fast a task is learnt."""
    stop_at: Annotated[float, Field(gt=0, le=1)] | None = None
    """End early once the accuracy on lengths of training reaches this; null: never."""

    def learning_rate(self, peak: float, step: int) -> float:
        """Of a step, counted from 0: linear warm-up, then a cosine to the final rate."""
        warmup = round(self.warmup * self.steps)
        if step < warmup:
            return peak * (step + 1) / warmup
        done = (step - warmup) / max(1, self.steps - warmup)
        floor = min(peak, self.final_learning_rate)
        return floor + (peak - floor) * (1 + float(np.cos(np.pi * done))) / 2


def train_cell(
    task: SyntheticTask, sizes: Sizes, training: SyntheticTraining, peak: float, seed: int, work: Work
) -> dict[str, Any]:
    """Train and measure.

    Args:
        task: what is learnt.
        sizes: of the model, which reads in one direction.
        training: how.
        peak: learning rate.
        seed: of weights and training data.
        work: told of each step.

    Returns:
        ``accuracy`` and ``scaled`` (0 for chance, 1 for all right) for each range of lengths, ``curve`` of (step,
        accuracy on lengths of training), ``steps``, ``seconds`` and ``parameters``.
    """
    torch.manual_seed(seed)
    model = build_model(task, sizes)
    optimizer = OptimizerSettings(
        learning_rate=peak,
        betas=training.betas,
        weight_decay=training.weight_decay,
        gradient_clip=training.gradient_clip,
    ).build(model)
    rng = np.random.default_rng(seed)
    curve: list[tuple[int, float]] = []
    began, seconds, step = time.monotonic(), 0.0, 0
    while step < training.steps:
        for group in optimizer.param_groups:
            group["lr"] = training.learning_rate(peak, step)
        inputs, targets = map(torch.from_numpy, task.batch(rng, training.batch_size, task.buckets[0]))
        loss = F.cross_entropy(answers(model, inputs, targets), targets[targets != IGNORED])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), training.gradient_clip)
        optimizer.step()
        optimizer.zero_grad()
        step += 1
        work.advance(loss=f"{loss.item():.3f}")
        if step % training.test_every == 0 or step == training.steps:
            seconds += time.monotonic() - began
            curve.append((step, accuracy(model, task, training.test_sequences, task.buckets[0])))
            if training.stop_at is not None and curve[-1][1] >= training.stop_at:
                break
            began = time.monotonic()
    found = [accuracy(model, task, training.test_sequences, bucket) for bucket in task.buckets]
    return {
        "accuracy": found,
        "scaled": [scale(value, task.chance) for value in found],
        "curve": curve,
        "steps": step,
        "seconds": round(seconds, 1),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
    }


def build_model(task: SyntheticTask, sizes: Sizes) -> BiXLSTM:
    """A causal model over the task's tokens, in our own kernels where they can run."""
    config = BiXLSTMConfig(**{**sizes.model_dump(), "vocab_size": task.vocab_size, "directions": 1})
    model = BiXLSTM(config)
    # An LSTM, whose input passes no norm, hardly tells symbols apart by the small values of a language model.
    nn.init.normal_(model.token_embedding.weight)
    device = torch.device("cpu")
    if config.kernel_problem("native", device) is None:
        model.use_kernel("native", device)
    return model.train()


def answers(model: BiXLSTM, inputs: Tensor, targets: Tensor) -> Tensor:
    """Scores of all tokens, (asked, vocabulary), where ``targets`` asks for one."""
    hidden = model.encode_layers(inputs).forward[-1]
    (weight, *_) = model.softmax_weights()
    return hidden[targets != IGNORED] @ weight.T


@torch.no_grad()
def accuracy(model: BiXLSTM, task: SyntheticTask, sequences: int, lengths: tuple[int, int]) -> float:
    """Share of the answers' tokens that are right, on sequences that are the same for all models."""
    rng = np.random.default_rng(TEST_SEED)
    model.eval()
    right = asked = 0
    for start in range(0, sequences, 64):
        inputs, targets = map(torch.from_numpy, task.batch(rng, min(64, sequences - start), lengths))
        found = answers(model, inputs, targets).argmax(1)
        right += int((found == targets[targets != IGNORED]).sum())
        asked += len(found)
    model.train()
    return right / asked


def scale(value: float, chance: float) -> float:
    """0 for guessing, 1 for all right; below 0 for less."""
    return (value - chance) / (1 - chance)
