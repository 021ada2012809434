"""The feature store: reading against embedding afresh, and what it costs an epoch of fine-tuning."""

from __future__ import annotations

import random
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.embedding import evenly
from benchmarks.results import Measurement, Result, make_result
from benchmarks.sentences import Words
from benchmarks.session import Session
from benchmarks.timing import quartiles
from elmo_xlstm.machine import keep_freed_memory
from elmo_xlstm.embedding import ElmoEmbedder, FeatureStore, ScalarMix
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.modules import (
    BiLSTM,
    Classifier,
    FeatureInputs,
    LabelCollator,
    LabelledExample,
    Pooling,
    Sentence,
    Tagger,
    WordCollator,
)
from elmo_xlstm.device import fast_matmul
from elmo_xlstm.text import Tokenizer
from elmo_xlstm.training import length_buckets

AFRESH = "embed afresh"
OPEN = "open the store and read"
READ = "read the open store"
FIRST_EPOCH = "tagging: epoch that embeds afresh"
STORE_EPOCH = "tagging: epoch from the store"
BATCHES = "tagging: batches of an epoch from the store, no steps"
MEMORY_EPOCH = "tagging: epoch on random features in memory"
FIRST_LIGHT = "classification: epoch that embeds afresh"
STORE_LIGHT = "classification: epoch from the store"
LABELS = [f"T{index}" for index in range(11)]
BATCH = 32


class Epoch:
    """Fits a head over the scalar mix alone, once over all sentences.

    Args:
        session: where the head lies.
        head: with a ``loss`` of what ``collate`` gives.
        collate: makes a batch of examples.
        example: makes one of the number of a sentence and its layers.
        sentences: to be fitted on.
    """

    def __init__(
        self,
        session: Session,
        head: Tagger | Classifier,
        collate: Callable[[list[Any]], Any],
        example: Callable[[int, np.ndarray], Any],
        sentences: list[Words],
    ) -> None:
        self.head = head.to(session.device)
        self.collate, self.example = collate, example
        self.optimizer = torch.optim.AdamW(self.head.parameters(), 1e-3, fused=True)
        self.device = session.device
        self.batches = length_buckets([len(words) for words in sentences], BATCH, seed=0, epoch=1)

    @fast_matmul()  # as the trainer
    def __call__(self, features: Callable[[], list[np.ndarray]]) -> None:
        """Take one epoch of steps on what ``features`` gives."""
        self.head.train()
        for batch in self.make_batches(features):
            self.optimizer.zero_grad()
            self.head.loss(batch.to(self.device)).backward()
            self.optimizer.step()

    def make_batches(self, features: Callable[[], list[np.ndarray]]) -> Iterator[Any]:
        """The batches of the epoch, each made when it is asked for: here memory maps are read."""
        layers = features()
        for indices in self.batches:
            yield self.collate([self.example(index, layers[index]) for index in indices])


def tagging_epoch(session: Session, embedder: ElmoEmbedder, sentences: list[Words]) -> Epoch:
    """Of the tagger with its default settings: BiLSTM and CRF."""
    config = Tagger.Config(mix=ScalarMix.Config(), scheme="none")
    tagger = config.build(LABELS, FeatureInputs((embedder.num_layers, embedder.dim)))
    generator = random.Random(0)
    tags = [tuple(generator.choices(LABELS, k=len(words))) for words in sentences]

    def example(number: int, layers: np.ndarray) -> Sentence:
        return Sentence(sentences[number], tags[number], layers)

    return Epoch(session, tagger, WordCollator(tagger.scheme), example, sentences)


def classification_epoch(session: Session, embedder: ElmoEmbedder, sentences: list[Words]) -> Epoch:
    """Of the classifier with the settings of `experiments/smsa.jsonnet`, but for words and characters."""
    encoder = BiLSTM.Config(hidden_size=100)
    pooling = Pooling.Config(methods=("attention", "max", "mean"))
    config = Classifier.Config(mix=ScalarMix.Config(), projection=200, encoder=encoder, pooling=pooling)
    classifier = config.build(LABELS, FeatureInputs((embedder.num_layers, embedder.dim)))
    labels = random.Random(0).choices(LABELS, k=len(sentences))

    def example(number: int, layers: np.ndarray) -> LabelledExample:
        return LabelledExample((Sentence(sentences[number], None, layers),), (labels[number],))

    return Epoch(session, classifier, LabelCollator(LABELS), example, sentences)


def measure_store(session: Session, sentences: list[Words], tokenizer: Tokenizer, most: int | None = None) -> Result:
    """Everything on the same sentences; a sentence that comes twice is taken once.

    Args:
        session: size and device.
        sentences: to embed.
        tokenizer: theirs.
        most: take no more of them, drawn evenly from the whole list; all by default.
    """
    keep_freed_memory()  # as fine-tuning does
    sentences = evenly(list(dict.fromkeys(sentences)), most)
    model = session.place(BiXLSTM(session.size.config(tokenizer.vocab_size)))
    embedder = ElmoEmbedder(model, tokenizer)
    generator = np.random.default_rng(0)
    shapes = [(len(words), embedder.num_layers, embedder.dim) for words in sentences]
    in_memory = [generator.standard_normal(shape, dtype=np.float32).astype(np.float16) for shape in shapes]
    epoch = tagging_epoch(session, embedder, sentences)
    light = classification_epoch(session, embedder, sentences)
    with tempfile.TemporaryDirectory() as directory:
        store = FeatureStore(Path(directory), embedder)
        store.features(sentences)

        def read(opened: FeatureStore) -> list[np.ndarray]:
            return [np.array(layers) for layers in opened.features(sentences)]

        def afresh() -> list[np.ndarray]:
            return [layers.astype(np.float16) for layers in embedder(sentences)]

        runs: dict[str, Callable[[], object]] = {
            AFRESH: afresh,
            OPEN: lambda: read(FeatureStore(Path(directory), embedder)),
            READ: partial(read, store),
            FIRST_EPOCH: partial(epoch, afresh),
            STORE_EPOCH: partial(epoch, partial(store.features, sentences)),
            BATCHES: lambda: deque(epoch.make_batches(partial(store.features, sentences)), maxlen=0),
            MEMORY_EPOCH: partial(epoch, lambda: in_memory),
            FIRST_LIGHT: partial(light, afresh),
            STORE_LIGHT: partial(light, partial(store.features, sentences)),
        }
        samples = session.time(runs)
    work = {"words": float(sum(map(len, sentences))), "sentences": float(len(sentences))}
    size = sum(layers.nbytes for layers in in_memory)
    share = quartiles(samples.seconds[BATCHES])[1] / quartiles(samples.seconds[STORE_EPOCH])[1]
    return make_result(
        session,
        "store",
        AFRESH,
        [Measurement(contender=name, work=work, values=samples.seconds[name]) for name in runs],
        [
            f"{len(sentences):,} distinct sentences, {size / 2**20:,.0f} MiB of features",
            f"a tagging epoch from the store spends {share:.1%} of its time on reading features and making batches",
        ],
    )
