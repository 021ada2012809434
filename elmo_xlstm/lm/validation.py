"""Perplexity and bits per character of a language model on held-out text."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from accelerate import Accelerator

from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.windows import validation_windows
from elmo_xlstm.text.shards import TokenStream


@dataclass(frozen=True)
class Validation:
    """Quality on held-out text, exact soft-max.

    Attributes:
        loss: nats per piece, mean of both directions.
        forward_perplexity: per piece.
        backward_perplexity: per piece.
        forward_bits_per_character: of the cleaned text, document boundaries' cost included; comparable across
            vocabularies.
        backward_bits_per_character: likewise.
    """

    loss: float
    forward_perplexity: float
    backward_perplexity: float
    forward_bits_per_character: float
    backward_bits_per_character: float

    def as_dict(self) -> dict[str, float]:
        """Names and values."""
        return asdict(self)


@torch.inference_mode()
def validate_model(
    model: BiXLSTM, stream: TokenStream, batch_size: int, max_tokens: int | None, accelerator: Accelerator
) -> Validation:
    """Score consecutive windows of ``stream``, shared over the processes.

    Args:
        model: set to evaluation for the call, and back after it.
        stream: held-out tokens.
        batch_size: windows at a time.
        max_tokens: of the stream's begin; all by default.
        accelerator: gives device, precision and the sum over processes.
    """
    bounds = validation_windows(
        stream, model.config.context_length, max_tokens, accelerator.process_index, accelerator.num_processes
    )
    was_training = model.training
    model.eval()
    sums = torch.zeros(3, dtype=torch.float64)  # forward nats, backward nats, predictions
    for begin in range(0, len(bounds), batch_size):
        chosen = bounds[begin : begin + batch_size]
        longest = max(stop - start for start, stop in chosen)
        input_ids = torch.full((len(chosen), longest), model.config.pad_token_id)
        mask = torch.zeros_like(input_ids)
        for row, (start, stop) in enumerate(chosen):
            input_ids[row, : stop - start] = torch.from_numpy(stream.read(start, stop))
            mask[row, : stop - start] = 1
        with accelerator.autocast():
            output = model(input_ids.to(accelerator.device), mask.to(accelerator.device))
        predictions = int(mask.sum()) - len(chosen)
        sums += torch.tensor(
            [float(output.forward_loss) * predictions, float(output.backward_loss) * predictions, predictions],
            dtype=torch.float64,
        )
    model.train(was_training)
    if accelerator.num_processes > 1:
        sums = accelerator.reduce(sums.to(accelerator.device), reduction="sum").cpu()
    forward, backward = (sums[:2] / sums[2]).tolist()
    bits = len(stream) / stream.characters / math.log(2)  # bits per character for one nat per piece
    return Validation((forward + backward) / 2, math.exp(forward), math.exp(backward), forward * bits, backward * bits)
