"""Perplexity and bits per character of a language model on held-out text."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from accelerate import Accelerator

from elmo_xlstm.device import fast_matmul
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.windows import validation_windows
from elmo_xlstm.text.shards import TokenStream

MOST_UNKNOWN = 0.01
"""Share of characters. As many that are not predicted can change bits per character by as much as vocabularies do."""


@dataclass(frozen=True)
class Validation:
    """Quality on held-out text by the model's exact distribution, however it was trained.

    Attributes:
        loss: nats per piece, mean of both directions.
        forward_perplexity: per piece.
        backward_perplexity: per piece.
        forward_bits_per_character: of the cleaned text, document boundaries' cost included; comparable across
            vocabularies.
        backward_bits_per_character: likewise.
        unknown_pieces: share of the text's pieces that are unknown; None where it was not measured.
        unknown_characters: share of its characters that these stand for. None of them is predicted: a line in a script
            that the vocabulary lacks may be one piece, and look easy.
    """

    loss: float
    forward_perplexity: float
    backward_perplexity: float
    forward_bits_per_character: float
    backward_bits_per_character: float
    unknown_pieces: float | None = None
    unknown_characters: float | None = None

    @property
    def comparable(self) -> bool:
        """Whether so little of the text is unknown that other models and texts can be compared with."""
        return (self.unknown_characters or 0) <= MOST_UNKNOWN

    def as_dict(self) -> dict[str, float]:
        """Names and values of what was measured."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@torch.no_grad()  # not inference mode, whose tensors a sharded model may not keep
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
    length = model.config.context_length
    shares = [
        validation_windows(stream, length, max_tokens, process, accelerator.num_processes)
        for process in (0, accelerator.process_index)
    ]
    most, bounds = len(shares[0]), shares[1]
    was_training = model.training
    model.eval()
    sums = torch.zeros(3, dtype=torch.float64)  # forward nats, backward nats, predictions
    for begin in range(0, most, batch_size):
        # The first process has the most windows. As many passes are made in all, because a sharded model is gathered
        # by all processes together; one without windows left scores any and does not count it.
        left = bounds[begin : begin + batch_size]
        chosen = left or shares[0][:1]
        longest = max(stop - start for start, stop in chosen)
        input_ids = torch.full((len(chosen), longest), model.config.pad_token_id)
        mask = torch.zeros_like(input_ids)
        for row, (start, stop) in enumerate(chosen):
            input_ids[row, : stop - start] = torch.from_numpy(stream.read(start, stop))
            mask[row, : stop - start] = 1
        with accelerator.autocast(), fast_matmul(accelerator.device):
            output = model(input_ids.to(accelerator.device), mask.to(accelerator.device))
        predictions = int(mask.sum()) - len(chosen) if left else 0
        sums += torch.tensor(
            [float(output.forward_loss) * predictions, float(output.backward_loss) * predictions, predictions],
            dtype=torch.float64,
        )
    model.train(was_training)
    if accelerator.num_processes > 1:
        sums = accelerator.reduce(sums.to(accelerator.device), reduction="sum").cpu()
    losses = sums[:2] / sums[2]
    forward, backward = losses.tolist()
    forward_perplexity, backward_perplexity = losses.exp().tolist()  # infinite, not an error, if training diverged
    bits = len(stream) / stream.characters / math.log(2)  # bits per character for one nat per piece
    mean = (forward + backward) / 2
    return Validation(mean, forward_perplexity, backward_perplexity, forward * bits, backward * bits)
