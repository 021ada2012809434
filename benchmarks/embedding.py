"""Embedding: fixed batches of pieces, and sentences from text to word vectors."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import BertConfig, BertModel

from benchmarks import flops
from benchmarks.contenders import COMPILED, OURS, PACKAGE, compile_stacks
from benchmarks.length import encode
from benchmarks.machine import matrix_product
from benchmarks.package_model import with_package_stacks
from benchmarks.results import PEAK, Measurement, Result, make_result
from benchmarks.sentences import Words
from benchmarks.session import Session
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.text import Tokenizer

OURS_RANDOM = "ours, random batches"
BERT = "BERT"
BATCH = 32

Vectors = npt.NDArray[np.float32]


class RandomBatchesEmbedder(ElmoEmbedder):
    """Embeds sentences in padded batches of a fixed number, in random order, as most programs do."""

    @torch.inference_mode()
    def stream(self, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[int, Vectors]]:
        """See :meth:`ElmoEmbedder.stream`."""
        pieces = [self.tokenizer.encode_words(sentence) for sentence in sentences]
        order = random.Random(0).sample(range(len(pieces)), len(pieces))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            for index, layers in zip(chosen, self._embed([pieces[i] for i in chosen]), strict=True):
                yield index, layers.float().cpu().numpy()


class BertEmbedder(nn.Module):
    """BERT with random weights; a word is its first piece, in every layer. Batches are sorted by length."""

    def __init__(self, session: Session, tokenizer: Tokenizer, longest: int) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        self.model = bert(session, tokenizer.vocab_size, longest)

    @torch.inference_mode()
    def forward(self, sentences: Sequence[Sequence[str]]) -> list[Vectors]:
        """For each sentence (words, layers, width)."""
        pieces = [self.tokenizer.encode_words(sentence) for sentence in sentences]
        order = sorted(range(len(pieces)), key=lambda index: len(pieces[index].input_ids))
        vectors: list[Any] = [None] * len(pieces)
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            longest = max(len(pieces[index].input_ids) for index in chosen) + 2
            input_ids = torch.full((len(chosen), longest), self.tokenizer.pad_id)
            mask = torch.zeros_like(input_ids)
            for row, index in enumerate(chosen):
                ids = [self.tokenizer.bos_id, *pieces[index].input_ids, self.tokenizer.eos_id]
                input_ids[row, : len(ids)] = torch.tensor(ids)
                mask[row, : len(ids)] = 1
            device = self.model.device
            layers = self.model(input_ids.to(device), mask.to(device), output_hidden_states=True).hidden_states
            stacked = torch.stack(layers, dim=2)  # (batch, pieces, layers, width)
            for row, index in enumerate(chosen):
                first = torch.tensor(pieces[index].first, device=device) + 1
                vectors[index] = stacked[row][first].float().cpu().numpy()
        return vectors


def bert(session: Session, vocab_size: int, longest: int) -> Any:
    """A BERT of the same width as ours; its base form at the base size."""
    size = session.size
    config = BertConfig(
        vocab_size=vocab_size,
        hidden_size=size.embedding_dim,
        num_hidden_layers=size.bert_layers,
        num_attention_heads=max(1, size.embedding_dim // 64),
        intermediate_size=4 * size.embedding_dim,
        max_position_embeddings=max(512, longest),
    )
    return session.place(BertModel(config, add_pooling_layer=False)).eval()


def measure_embedding(session: Session, sentences: list[Words], tokenizer: Tokenizer) -> Result:
    """Both inputs, one after the other."""
    pieces = [len(tokenizer.encode_words(words).input_ids) + 2 for words in sentences]
    notes = [
        f"{len(sentences):,} sentences, {sum(map(len, sentences)):,} words, {sum(pieces):,} pieces (longest "
        f"sentence {max(pieces)}), a vocabulary of {tokenizer.vocab_size:,}"
    ]
    measurements = [*_fixed(session), *_sentences(session, sentences, tokenizer, pieces)]
    return make_result(session, "embedding", PACKAGE, measurements, notes)


def _fixed(session: Session) -> list[Measurement]:
    """Batches of one shape: only the models."""
    size = session.size
    input_ids = session.pieces(size.batch, size.length)
    model = session.place(BiXLSTM(size.config())).eval()
    compiled = session.place(BiXLSTM(size.config())).eval()
    if session.wants(COMPILED):
        compile_stacks(compiled)
    beside = bert(session, size.vocab_size, size.length)
    runs: dict[str, Callable[[], object]] = {
        OURS: partial(encode, model, input_ids),
        COMPILED: partial(encode, compiled, input_ids),
        PACKAGE: partial(encode, with_package_stacks(model, size.length), input_ids),
        BERT: torch.inference_mode()(lambda: beside(input_ids, output_hidden_states=True)),
    }
    tokens = float(input_ids.numel())
    operations = tokens * flops.encoding(size.config(), size.length)
    work = {name: {"tokens": tokens, "flops": operations} for name in (OURS, COMPILED, PACKAGE)}
    return _time(session, f"{size.batch} × {size.length}", runs, {**work, BERT: {"tokens": tokens}}, with_peak=True)


def _sentences(session: Session, sentences: list[Words], tokenizer: Tokenizer, pieces: list[int]) -> list[Measurement]:
    """Text in, word vectors out."""
    model = session.place(BiXLSTM(session.size.config(tokenizer.vocab_size)))
    embedders: dict[str, Callable[[list[Words]], object]] = {
        OURS: ElmoEmbedder(model, tokenizer),
        OURS_RANDOM: RandomBatchesEmbedder(model, tokenizer),
        PACKAGE: RandomBatchesEmbedder(with_package_stacks(model, max(pieces)), tokenizer),
        BERT: BertEmbedder(session, tokenizer, max(pieces)),
    }
    runs: dict[str, Callable[[], object]] = {name: partial(embedder, sentences) for name, embedder in embedders.items()}
    work = {"tokens": float(sum(pieces)), "words": float(sum(map(len, sentences)))}
    return _time(session, "sentences", runs, {name: work for name in runs})


def _time(
    session: Session,
    shown: str,
    runs: dict[str, Callable[[], object]],
    work: dict[str, dict[str, float]],
    with_peak: bool = False,
) -> list[Measurement]:
    timed: dict[tuple[str, str], Callable[[], object]] = {}
    operations: dict[str, float] = {}
    for precision in session.precisions():
        for name, run in runs.items():
            if session.wants(name):
                timed[name, precision] = partial(_under, session, precision, run)
        if with_peak:
            timed[PEAK, precision], operations[precision] = matrix_product(session, precision)
    samples = session.time(timed)
    return [
        Measurement(
            contender=name,
            case={"precision": precision} if name == PEAK else {"input": shown, "precision": precision},
            work={"flops": operations[precision]} if name == PEAK else work[name],
            values=samples.seconds[name, precision],
            first=samples.first[name, precision],
        )
        for name, precision in timed
    ]


def _under(session: Session, precision: str, run: Callable[[], object]) -> object:
    with session.autocast(precision) if precision == "bf16" else nullcontext():
        return run()
