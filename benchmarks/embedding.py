"""Embedding: fixed batches of pieces, and sentences from text to word vectors."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import BertConfig, BertModel

from benchmarks import flops
from benchmarks.contenders import COMPILED, OUR_SETTINGS, OURS, PACKAGE, PACKAGE_TUNED, compile_stacks
from benchmarks.defaults import default_products
from benchmarks.encoding import encode, encode_as_embedder, under_autocast
from benchmarks.machine import matrix_product
from benchmarks.package_model import with_package_stacks
from benchmarks.results import PEAK, Measurement, Result, make_result
from benchmarks.sentences import Words
from benchmarks.session import Session
from elmo_xlstm.device import fast_matmul
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.text import Tokenizer

OURS_RANDOM = "ours, random batches"
OURS_BF16 = "ours, bf16"
OURS_INT8 = "ours, int8"
PACKAGE_BF16 = "xlstm package, bf16"
BERT = "BERT"
BERT_TUNED = BERT + OUR_SETTINGS
BERT_BF16 = "BERT, bf16"
BATCH = 32

Vectors = npt.NDArray[np.float32]


class RandomBatchesEmbedder(ElmoEmbedder):
    """Embeds sentences in padded batches of a fixed number, in random order, as most programs do."""

    @torch.inference_mode()
    def stream(self, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[int, Vectors]]:
        """See :meth:`ElmoEmbedder.stream`."""
        pieces = [self.pieces(sentence) for sentence in sentences]
        order = random.Random(0).sample(range(len(pieces)), len(pieces))
        for start in range(0, len(order), BATCH):
            chosen = order[start : start + BATCH]
            yield from zip(chosen, self._embed([pieces[i] for i in chosen]), strict=True)


class BertEmbedder(nn.Module):
    """BERT with random weights; a word is its first piece, in every layer. Batches are sorted by length.

    A tokenizer with more pieces than the model has is folded onto its rows: which row is read does not change the time.
    """

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
                input_ids[row, : len(ids)] = torch.tensor(ids) % self.model.config.vocab_size
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


class Run(NamedTuple):
    """What one contender does with an input, and the precision that it computes in."""

    call: Callable[[], object]
    precision: str = "fp32"


def measure_embedding(
    session: Session, sentences: list[Words], tokenizer: Tokenizer, most: int | None = None
) -> Result:
    """Both inputs, one after the other.

    Args:
        session: size and device.
        sentences: of the second input.
        tokenizer: theirs.
        most: take no more of them, drawn evenly from the whole list; all by default.
    """
    chosen = evenly(sentences, most)
    pieces = [len(tokenizer.encode_words(words).input_ids) + 2 for words in chosen]
    notes = [
        f"{len(chosen):,} sentences, {sum(map(len, chosen)):,} words, {sum(pieces):,} pieces (longest "
        f"sentence {max(pieces)}), a vocabulary of {tokenizer.vocab_size:,}"
    ]
    if len(chosen) < len(sentences):
        notes.append(f"these sentences are drawn evenly from {len(sentences):,}")
    measurements = [*_fixed(session), *_sentences(session, chosen, tokenizer, pieces)]
    return make_result(session, "embedding", PACKAGE, measurements, notes)


def evenly(sentences: list[Words], most: int | None) -> list[Words]:
    """``most`` sentences at equal distances, or all if there are no more."""
    if most is None or len(sentences) <= most:
        return sentences
    return [sentences[index * len(sentences) // most] for index in range(most)]


def _fixed(session: Session) -> list[Measurement]:
    """Batches of one shape: only the models."""
    size = session.size
    input_ids = session.pieces(size.batch, size.length)
    model = session.place(BiXLSTM(size.config())).eval()
    compiled = session.place(BiXLSTM(size.config())).eval()
    if session.wants(COMPILED):
        compile_stacks(compiled)
    package = with_package_stacks(model, size.length)
    beside = bert(session, size.vocab_size, size.length)
    run_bert = torch.inference_mode()(lambda: beside(input_ids, output_hidden_states=True))
    runs = {
        OURS: Run(encode_as_embedder(session, model, "fp32", input_ids)),
        OURS_BF16: Run(encode_as_embedder(session, model, "bf16", input_ids), "bf16"),
        COMPILED: Run(fast_matmul()(partial(encode, compiled, input_ids))),
        PACKAGE: Run(partial(encode, package, input_ids)),
        PACKAGE_TUNED: Run(fast_matmul()(partial(encode, package, input_ids))),
        PACKAGE_BF16: Run(partial(under_autocast, session, partial(encode, package, input_ids)), "bf16"),
        BERT: Run(run_bert),
        BERT_TUNED: Run(fast_matmul()(run_bert)),
        BERT_BF16: Run(partial(under_autocast, session, run_bert), "bf16"),
    }
    if session.device.type == "cpu":
        runs[OURS_INT8] = Run(encode_as_embedder(session, model, "int8", input_ids), "int8")
    work = {"tokens": float(input_ids.numel())}
    operations = work["tokens"] * flops.encoding(size.config(), size.length)
    with_operations = dict.fromkeys((OURS, COMPILED, PACKAGE), {**work, "flops": operations})
    peak, peak_operations = matrix_product(session, "fp32")
    own_work = {**with_operations, PEAK: {"flops": peak_operations}}
    return _time(session, f"{size.batch} × {size.length}", {**runs, PEAK: Run(peak)}, work, own_work)


def _sentences(session: Session, sentences: list[Words], tokenizer: Tokenizer, pieces: list[int]) -> list[Measurement]:
    """Text in, word vectors out."""
    model = session.place(BiXLSTM(session.size.config(tokenizer.vocab_size)))
    package = RandomBatchesEmbedder(with_package_stacks(model, max(pieces)), tokenizer)
    beside = BertEmbedder(session, tokenizer, max(pieces))
    runs = {
        OURS: Run(partial(ElmoEmbedder(model, tokenizer), sentences)),
        OURS_BF16: Run(partial(ElmoEmbedder(model, tokenizer, precision="bf16"), sentences), "bf16"),
        OURS_RANDOM: Run(partial(RandomBatchesEmbedder(model, tokenizer), sentences)),
        PACKAGE: Run(default_products()(partial(package, sentences))),
        PACKAGE_TUNED: Run(partial(package, sentences)),
        PACKAGE_BF16: Run(default_products()(partial(under_autocast, session, partial(package, sentences))), "bf16"),
        BERT: Run(partial(beside, sentences)),
        BERT_TUNED: Run(fast_matmul()(partial(beside, sentences))),
        BERT_BF16: Run(partial(under_autocast, session, partial(beside, sentences)), "bf16"),
    }
    if session.device.type == "cpu":
        runs[OURS_INT8] = Run(partial(ElmoEmbedder(model, tokenizer, precision="int8"), sentences), "int8")
    work = {"tokens": float(sum(pieces)), "words": float(sum(map(len, sentences)))}
    return _time(session, "sentences", runs, work, {})


def _time(
    session: Session, shown: str, runs: dict[str, Run], work: dict[str, float], own_work: dict[str, dict[str, float]]
) -> list[Measurement]:
    """Time those that are wanted; bf16 only where the hardware has it."""
    precisions = {*session.precisions(), "int8"}
    timed = {
        name: run.call
        for name, run in runs.items()
        if run.precision in precisions and (name == PEAK or session.wants(name))
    }
    samples = session.time(timed)
    return [
        Measurement(
            contender=name,
            case={"precision": "fp32"} if name == PEAK else {"input": shown},
            work=own_work.get(name, work),
            values=samples.seconds[name],
            first=samples.first[name],
        )
        for name in timed
    ]
