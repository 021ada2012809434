"""How well a language model predicts given texts."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
from accelerate import Accelerator

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_files import find_model
from elmo_xlstm.lm.validation import Validation, validate_model
from elmo_xlstm.text import Cleaner, Tokenizer
from elmo_xlstm.text.shards import TokenStream
from elmo_xlstm.text.sources import LocalSource
from elmo_xlstm.text.tokenizer import check_texts

logger = logging.getLogger(__name__)

BATCH_WINDOWS = 16


class _TextStream(TokenStream):
    """Texts one after another in memory, each as [CLS] pieces [SEP], as a corpus has them on disk."""

    def __init__(self, texts: list[str], tokenizer: Tokenizer) -> None:
        pieces = [[tokenizer.bos_id, *ids, tokenizer.eos_id] for ids in tokenizer.encode_texts(texts)]
        self._tokens = np.concatenate([np.array(ids, dtype=np.int64) for ids in pieces])
        self.characters = sum(map(len, texts))
        self.documents = len(texts)
        unknown = int((self._tokens == tokenizer.unk_id).sum())
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
