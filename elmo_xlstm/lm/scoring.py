"""Perplexity and bits per character of a language model on held-out text, from a corpus or from files."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from accelerate import Accelerator

from elmo_xlstm.device import fast_matmul
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_directory import find_model
from elmo_xlstm.text import Cleaner, Tokenizer
from elmo_xlstm.text.pieces import check_texts
from elmo_xlstm.text.shards import TokenStream
from elmo_xlstm.text.sources import LocalSource

MOST_UNKNOWN = 0.01
"""Share of characters. As many that are not predicted can change bits per character by as much as vocabularies do."""


@dataclass(frozen=True)
class Validation:
    """Quality on held-out text by the model's exact distribution, however it was trained.

    Attributes:
        loss: nats per piece, mean of the directions.
        forward_perplexity: per piece.
        backward_perplexity: per piece; None in a model of one direction.
        forward_bits_per_character: of the cleaned text, document boundaries' cost included; comparable across
            vocabularies.
        backward_bits_per_character: likewise.
        unknown_pieces: share of the text's pieces that are unknown; None where it was not measured.
        unknown_characters: share of its characters that these stand for. None of them is predicted: a line in a script
            that the vocabulary lacks may be one piece, and look easy.
    """

    loss: float
    forward_perplexity: float
    backward_perplexity: float | None = field(default=None, kw_only=True)
    forward_bits_per_character: float
    backward_bits_per_character: float | None = field(default=None, kw_only=True)
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
    sums = torch.zeros(model.config.directions + 1, dtype=torch.float64)  # nats of each direction, predictions
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
        losses = [loss for loss in (output.forward_loss, output.backward_loss) if loss is not None]
        sums += torch.tensor([*(float(loss) * predictions for loss in losses), predictions], dtype=torch.float64)
    model.train(was_training)
    if accelerator.num_processes > 1:
        sums = accelerator.reduce(sums.to(accelerator.device), reduction="sum").cpu()
    means = sums[:-1] / sums[-1]
    perplexities = means.exp().tolist()  # infinite, not an error, if training diverged
    bits = (means * (len(stream) / stream.characters / math.log(2))).tolist()
    loss = sum(means.tolist()) / len(means)
    if len(means) == 1:
        return Validation(loss, perplexities[0], bits[0])
    return Validation(
        loss,
        perplexities[0],
        bits[0],
        backward_perplexity=perplexities[1],
        backward_bits_per_character=bits[1],
    )


logger = logging.getLogger(__name__)

BATCH_WINDOWS = 16


def validation_windows(
    stream: TokenStream, context_length: int, max_tokens: int | None, process: int = 0, num_processes: int = 1
) -> list[tuple[int, int]]:
    """This process's share of consecutive windows over a stream: (start, stop) each; the last may be shorter."""
    end = len(stream) if max_tokens is None else min(len(stream), max_tokens)
    bounds = [(start, min(start + context_length, end)) for start in range(0, end - 1, context_length)]
    return [bound for bound in bounds if bound[1] - bound[0] > 1][process::num_processes]


class _TextStream(TokenStream):
    """Texts one after another in memory, each as [CLS] pieces [SEP], as a corpus has them on disk."""

    def __init__(self, texts: list[str], tokenizer: Tokenizer) -> None:
        pieces = tokenizer.encode_texts(texts)
        documents = ([tokenizer.bos_id, *ids, tokenizer.eos_id] for ids in pieces)
        self._tokens = np.concatenate([np.array(ids, dtype=np.int64) for ids in documents])
        self.characters = sum(map(len, texts))
        self.documents = len(texts)
        unknown = sum(ids.count(tokenizer.unk_id) for ids in pieces)
        self.unknown_pieces = unknown / max(1, len(self) - 2 * len(texts))
        partly = (text for text, ids in zip(texts, pieces, strict=True) if unknown and tokenizer.unk_id in ids)
        self.unknown_characters = sum(map(tokenizer.unknown_characters, partly)) / self.characters

    def __len__(self) -> int:
        return len(self._tokens)

    def read(self, start: int, stop: int) -> np.ndarray:
        return self._tokens[start:stop]


def score_files(
    model: str | Path, paths: Sequence[Path], cleaning: Cleaner.Config | None = None, every: int = 1
) -> dict[str, Validation]:
    """Score a pretrained model on text files, a document a line.

    Args:
        model: a model or pretraining run, or a name on the hub.
        paths: UTF-8 text files, plain or compressed; each is scored by itself.
        cleaning: what is done to the lines first; by default what a corpus's text undergoes, short lines kept.
        every: of a file's documents, as cleaned, every n-th one is scored, from the first on.

    Returns:
        Scores by path.

    Raises:
        UserError: there is no such model, it has no soft-max, or a file cannot be read or holds no text.
    """
    directory = find_model(model)
    network, tokenizer = BiXLSTM.from_pretrained(directory).eval(), Tokenizer.load(directory)
    network.softmax_weights()  # what lacks them says so before the texts are read
    return score_paths(network, tokenizer, paths, cleaning, every)


def score_paths(
    network: BiXLSTM,
    tokenizer: Tokenizer,
    paths: Sequence[Path],
    cleaning: Cleaner.Config | None = None,
    every: int = 1,
) -> dict[str, Validation]:
    """As :func:`score_files`, for a model in memory."""
    cleaner = (cleaning or Cleaner.Config(min_characters=1)).build()
    scores = {}
    for path in paths:
        lines = LocalSource.Config(paths=[str(path)], documents="line").build()
        found = score_texts(network, tokenizer, islice(cleaner.clean_documents(lines), 0, None, every))
        if not found.comparable:
            logger.warning(
                "%s: %.3g %% of its characters are unknown to the model's vocabulary and so not predicted; its scores "
                "cannot be compared with those of other models or texts",
                path,
                100 * (found.unknown_characters or 0),
            )
        scores[str(path)] = found
    return scores


def score_texts(model: BiXLSTM, tokenizer: Tokenizer, texts: Iterable[str]) -> Validation:
    """Perplexity and bits per character of a model on texts of one's own, measured as pretraining's validation is.

    The texts stand one after another in windows of the model's context length; bits per character are comparable
    between models of different vocabularies and between kinds of text, as long as hardly any character is unknown.

    Args:
        model: where and in what precision it computes stays as it is.
        tokenizer: the model's.
        texts: cleaned running text, a document each; empty ones are left out.

    Raises:
        TypeError: ``texts`` is one text.
        UserError: there is no text.
    """
    check_texts(texts)
    found = [text for text in texts if text]
    if not found:
        raise UserError("no text to score: the files hold none")
    accelerator = Accelerator(cpu=model.device.type == "cpu")
    stream = _TextStream(found, tokenizer)
    scores = validate_model(model, stream, BATCH_WINDOWS, None, accelerator)
    return replace(scores, unknown_pieces=stream.unknown_pieces, unknown_characters=stream.unknown_characters)
