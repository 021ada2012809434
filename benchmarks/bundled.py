"""The model that the package carries, beside a BERT of base size: parameters, megabytes, words per second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import nn

from benchmarks.contenders import OUR_SETTINGS, OURS
from benchmarks.embedding import BERT_BF16, OURS_BF16, OURS_INT8, BertEmbedder, bert, evenly
from benchmarks.results import Measurement, Result, make_result, timed
from benchmarks.sentences import Words
from benchmarks.session import Session
from benchmarks.sizes import SIZES, Size
from elmo_xlstm.device import fast_matmul
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.embedding.precision import Precision
from elmo_xlstm.pretrained import DEFAULT_MODEL, bundled_model

BERT_BASE = "BERT-base"
BERT_BASE_TUNED = BERT_BASE + OUR_SETTINGS
BERT_BASE_BF16 = BERT_BF16.replace("BERT", BERT_BASE)
BERT_VOCABULARY = 30_522
ONE_CORE = f"{OURS}, one core"
CHOSEN, ALL = "sentences", "all sentences"


def measure_bundled(
    session: Session, sentences: list[Words], most: int | None = None, beside: Size = SIZES["base"]
) -> Result:
    """Text in, word vectors of all layers out.

    Args:
        session: device and repeats; its size names the result.
        sentences: to embed; all of them by ours alone, by one core and by all.
        most: take no more of them beside BERT, drawn evenly from the whole list; all by default.
        beside: size of the BERT.
    """
    chosen = evenly(sentences, most)
    precisions: list[Precision] = ["fp32", "bf16"] if "bf16" in session.precisions() else ["fp32"]
    if session.device.type == "cpu":
        precisions.append("int8")
    names = {"fp32": OURS, "bf16": OURS_BF16, "int8": OURS_INT8}
    ours = {
        names[p]: ElmoEmbedder.from_pretrained(DEFAULT_MODEL, device=session.device, precision=p) for p in precisions
    }
    tokenizer = ours[OURS].tokenizer
    pieces = [len(tokenizer.encode_words(words).input_ids) + 2 for words in chosen]
    widely = replace(session, size=beside)
    transformer = BertEmbedder(widely, tokenizer, max(pieces))
    transformer.model = bert(widely, BERT_VOCABULARY, max(pieces))

    def under_autocast() -> object:
        with session.autocast("bf16"):
            return transformer(chosen)

    runs: dict[str, Callable[[], object]] = {name: _embedding(embedder, chosen) for name, embedder in ours.items()}
    runs[BERT_BASE] = _embedding(transformer, chosen)
    runs[BERT_BASE_TUNED] = fast_matmul()(runs[BERT_BASE])
    if "bf16" in precisions:
        runs[BERT_BASE_BF16] = under_autocast
    runs = {name: run for name, run in runs.items() if session.wants(name)}
    samples = session.time(runs)
    on_disk = (bundled_model() / "model.safetensors").stat().st_size
    work = {"tokens": float(sum(pieces)), "words": float(sum(map(len, chosen)))}
    measurements = []
    for name in runs:
        is_ours = name in ours
        parameters = _count(ours[name].model if is_ours else transformer.model)
        size = on_disk if is_ours else 4 * parameters
        measurements.append(
            Measurement(
                contender=name,
                case={"input": CHOSEN},
                work=work,
                values=samples.seconds[name],
                first=samples.first[name],
                parameters=parameters,
                scores={"M parameters": parameters / 1e6, "MB": size / 1e6},
            )
        )
    if session.threads > 1 and session.device.type == "cpu":
        measurements += _cores(session, ours[OURS], sentences)
    notes = [
        f"{len(chosen):,} sentences, {sum(map(len, chosen)):,} words, {sum(pieces):,} pieces of the bundled model's "
        f"vocabulary (longest sentence {max(pieces)})",
        f"{BERT_BASE}: {beside.bert_layers} layers of width {beside.embedding_dim}, {BERT_VOCABULARY:,} pieces, random "
        "weights; its MB are those of fp32 weights, ours those of the file",
    ]
    return make_result(session, "bundled", BERT_BASE, measurements, notes)


def _cores(session: Session, embedder: ElmoEmbedder, sentences: list[Words]) -> list[Measurement]:
    """What more cores are worth where sentences are many."""

    def on_one_core() -> object:
        torch.set_num_threads(1)
        try:
            return embedder(sentences)
        finally:
            torch.set_num_threads(session.threads)

    runs = {ONE_CORE: on_one_core, OURS: _embedding(embedder, sentences)}
    samples = session.time({name: run for name, run in runs.items() if session.wants(name)})
    work = {"sentences": float(len(sentences)), "words": float(sum(map(len, sentences)))}
    return timed(samples, {"input": ALL}, work)


def _embedding(embedder: Callable[[list[Words]], object], sentences: list[Words]) -> Callable[[], object]:
    return lambda: embedder(sentences)


def _count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())
