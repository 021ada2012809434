"""The model that the package carries, beside a BERT of base size: parameters, megabytes, words per second."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from transformers import BertConfig, BertModel

from benchmarks.contenders import OUR_SETTINGS, OURS
from benchmarks.results import Measurement, Result, make_result
from benchmarks.sentences import Words, evenly, read_sentences
from benchmarks.session import Session
from benchmarks.sizes import SIZES, Size
from benchmarks.timing import Run, measure
from elmo_xlstm.device import fast_matmul
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.embedding.precision import Precision
from elmo_xlstm.pretrained import DEFAULT_MODEL, bundled_model
from elmo_xlstm.text import Tokenizer

OURS_BF16 = f"{OURS}, bf16"
OURS_INT8 = f"{OURS}, int8"
ONE_CORE = f"{OURS}, one core"
BERT = "BERT-base"
BERT_TUNED = BERT + OUR_SETTINGS
BERT_BF16 = f"{BERT}, bf16"
BERT_VOCABULARY = 30_522
BATCH = 32

Vectors = npt.NDArray[np.float32]
Embed = Callable[[list[Words]], object]


def measure_bundled(session: Session, beside: Size = SIZES["base"]) -> Result:
    """Text in, word vectors of all layers out; on a CPU also one core beside all, on all sentences of the file.

    Args:
        session: device, sentences and repeats; its size does not matter.
        beside: size of the BERT, which has random weights.
    """
    session = replace(session, size=SIZES[DEFAULT_MODEL])
    every = read_sentences(session.sentences)
    sentences = evenly(every, session.most)
    precisions: dict[str, Precision] = {OURS: "fp32"}
    if "bf16" in session.precisions():
        precisions[OURS_BF16] = "bf16"
    if session.device.type == "cpu":
        precisions[OURS_INT8] = "int8"
    ours = {
        name: ElmoEmbedder.from_pretrained(DEFAULT_MODEL, device=session.device, precision=precision)
        for name, precision in precisions.items()
    }
    tokenizer = ours[OURS].tokenizer
    pieces = [len(tokenizer.encode_words(words).input_ids) + 2 for words in sentences]
    bert = BertEmbedder(replace(session, size=beside), tokenizer, max(pieces))

    def under_autocast(sentences: list[Words]) -> object:
        with session.autocast("bf16"):
            return bert(sentences)

    work = {"tokens": float(sum(pieces)), "words": float(sum(map(len, sentences)))}
    on_disk = (bundled_model() / "model.safetensors").stat().st_size

    def run(embed: Embed, model: nn.Module, size: int | None = None) -> Run:
        parameters = sum(parameter.numel() for parameter in model.parameters())
        scores = {"M parameters": parameters / 1e6, "MB": (size or 4 * parameters) / 1e6}
        return Run(partial(embed, sentences), work, parameters, scores)

    runs = {name: run(embedder, embedder.model, on_disk) for name, embedder in ours.items()}
    runs |= {BERT: run(bert, bert.model), BERT_TUNED: run(fast_matmul()(bert), bert.model)}
    if OURS_BF16 in ours:
        runs[BERT_BF16] = run(under_autocast, bert.model)
    runs = {name: run for name, run in runs.items() if session.wants(name)}
    measurements = measure(session, {"input": "sentences"}, runs)
    if session.threads > 1 and session.device.type == "cpu":
        measurements += measure_cores(session, ours[OURS], every)
    notes = [
        f"{len(sentences):,} sentences, {sum(map(len, sentences)):,} words, {sum(pieces):,} pieces of the bundled "
        f"model's vocabulary (longest sentence {max(pieces)}), drawn evenly from "
        + ("/".join(session.sentences.parts[-2:]) if session.sentences else "the bundled sample"),
        f"{BERT}: {beside.bert_layers} layers of width {beside.embedding_dim}, {BERT_VOCABULARY:,} pieces, random "
        "weights; its MB are those of fp32 weights, ours those of the file",
    ]
    return make_result(session, "bundled", BERT, measurements, notes)


def measure_cores(session: Session, embed: Embed, sentences: list[Words]) -> list[Measurement]:
    """One core beside all, on many sentences."""

    def on_one_core() -> None:
        torch.set_num_threads(1)
        try:
            embed(sentences)
        finally:
            torch.set_num_threads(session.threads)

    work = {"sentences": float(len(sentences)), "words": float(sum(map(len, sentences)))}
    runs = {ONE_CORE: Run(on_one_core, work), OURS: Run(partial(embed, sentences), work)}
    return measure(session, {"input": "all sentences"}, {n: run for n, run in runs.items() if session.wants(n)})


class BertEmbedder(nn.Module):
    """BERT with random weights; a word is its first piece, in every layer. Batches are sorted by length.

    Our tokenizer's larger numbers of pieces are folded onto the model's rows: this does not change the time.

    Args:
        session: gives width, layers and device.
        tokenizer: of the sentences.
        longest: sentence, in pieces.
    """

    def __init__(self, session: Session, tokenizer: Tokenizer, longest: int) -> None:
        super().__init__()
        self.tokenizer = tokenizer
        config = BertConfig(
            vocab_size=BERT_VOCABULARY,
            hidden_size=session.size.embedding_dim,
            num_hidden_layers=session.size.bert_layers,
            num_attention_heads=max(1, session.size.embedding_dim // 64),
            intermediate_size=4 * session.size.embedding_dim,
            max_position_embeddings=max(512, longest),
        )
        self.model: Any = session.place(BertModel(config, add_pooling_layer=False)).eval()

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
                input_ids[row, : len(ids)] = torch.tensor(ids) % BERT_VOCABULARY
                mask[row, : len(ids)] = 1
            device = self.model.device
            layers = self.model(input_ids.to(device), mask.to(device), output_hidden_states=True).hidden_states
            stacked = torch.stack(layers, dim=2)  # (batch, pieces, layers, width)
            for row, index in enumerate(chosen):
                first = torch.tensor(pieces[index].first, device=device) + 1
                vectors[index] = stacked[row][first].float().cpu().numpy()
        return vectors
