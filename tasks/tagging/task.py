"""Tagging: a tag for every word, as in named entity recognition and part-of-speech tagging."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from elmo_xlstm.atomic import write_atomically
from elmo_xlstm.config import Settings
from elmo_xlstm.embedding import ElmoEmbedder, FeatureStore
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.bootstrap import bootstrap_interval
from elmo_xlstm.evaluation.results import MixWeights, Name, TypeScore
from elmo_xlstm.evaluation.tagging import count_spans, score_tagging, span_macro_f1, span_micro_f1
from elmo_xlstm.heads import Tagger, repair_bio
from elmo_xlstm.progress import Progress
from elmo_xlstm.training import History, Trainer
from tasks.readers import TaggedSentence, read_predict_input
from tasks.registry import tasks
from tasks.tagging.datasets import tagging_datasets
from tasks.tagging.model import TaggingModel

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Scores:
    """What a set of sentences was tagged with, and how well."""

    metrics: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    types: Mapping[str, TypeScore]
    predictions: Sequence[Sequence[str]]


class TaggingTask:
    """Reads, trains, scores and predicts a tagging data set.

    Args:
        config: see :class:`Config`.
        embedder: of the experiment, if there is one.
    """

    main_metric = "macro_f1"

    @tasks.register("tagging")
    class Config(Settings):
        """A tagging task."""

        type: Literal["tagging"] = "tagging"
        name: Name
        """The column of the leaderboard."""
        dataset: Annotated[Any, tagging_datasets]
        lower_case: bool = False
        """Lower-case words before anything reads them; for data that is lower-cased itself, so that cased text can be
        tagged too."""
        head: Tagger.Config
        batch_size: Annotated[int, Field(gt=0)] = 64
        """Sentences tagged at once in validation and prediction."""

        @property
        def needs_embedder(self) -> bool:
            """Whether the head reads a language model."""
            return self.head.mix is not None

        def build(self, embedder: ElmoEmbedder | None) -> TaggingTask:
            """Make the task."""
            return TaggingTask(self, embedder)

    def __init__(self, config: Config, embedder: ElmoEmbedder | None) -> None:
        self.config = config
        self.embedder = embedder
        self.model: TaggingModel | None = None

    def prepare(self) -> dict[str, Any]:
        """Read the data and build an untrained model.

        Returns:
            Sizes, for a dry run.
        """
        self.data = self.config.dataset.load()
        self.train_tags = [list(sentence.tags or ()) for sentence in self.data.train]
        if self.config.head.scheme == "bio":
            repairs = [repair_bio(tags) for tags in self.train_tags]
            self.train_tags = [tags for tags, _ in repairs]
            repaired = sum(count for _, count in repairs)
            if repaired:
                logger.info("%s: %d stray I- tags of the training data read as B-", self.config.name, repaired)
        words = [sentence.words for sentence in self.data.train]
        self.model = TaggingModel.for_training(
            self.config.head, self.data.labels, words, self.embedder, self.config.lower_case
        )
        return {
            "sentences": {split: len(getattr(self.data, split)) for split in ("train", "valid", "test")},
            "labels": len(self.data.labels),
            "parameters": self.model.tagger.parameter_counts(),
        }

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of every data file read, by name."""
        return dict(self.data.sha256)

    def fit(
        self,
        trainer: Trainer,
        store: FeatureStore | None,
        directory: Path,
        seed: int,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> History:
        """Train the prepared model on the training data, choosing the epoch by the validation data."""
        model = self._built()
        train = model.read([s.words for s in self.data.train], self.train_tags, store, progress)
        valid = model.read([s.words for s in self.data.valid], None, store, progress)
        gold = [sentence.tags or () for sentence in self.data.valid]
        history = trainer.fit(
            model.tagger,
            train,
            model.collate,
            length=lambda sentence: len(sentence.words),
            evaluate=lambda: score_tagging(gold, model.tag(valid, self.config.batch_size)).metrics(),
            monitor=self.main_metric,
            directory=directory,
            progress=progress,
            resume=resume,
            seed=seed,
        )
        model.save(directory)
        return history

    def load(self, directory: Path) -> None:
        """Read the trained model of a run."""
        self.model = TaggingModel.load(directory, self.config.head, self.embedder, self.config.lower_case)

    def split(self, name: str) -> Sequence[TaggedSentence]:
        """The sentences of a split of the task's own data."""
        data = self.config.dataset.load()
        sentences: Sequence[TaggedSentence] = getattr(data, name)
        return sentences

    def read_gold(self, path: Path) -> Sequence[TaggedSentence]:
        """Sentences with tags from a further file of the data set's form."""
        sentences: Sequence[TaggedSentence] = self.config.dataset.reader().read(path).sentences
        return sentences

    def score(
        self, sentences: Sequence[TaggedSentence], store: FeatureStore | None = None, progress: Progress | None = None
    ) -> Scores:
        """Tag sentences and compare with their gold tags, as they stand in the file.

        Raises:
            UserError: the gold tags are of another kind than the task's.
        """
        model = self._built()
        read = model.read([sentence.words for sentence in sentences], None, store, progress)
        predicted = model.tag(read, self.config.batch_size, progress)
        gold = [sentence.tags or () for sentence in sentences]
        try:
            scores = score_tagging(gold, predicted)
        except ValueError as error:
            raise UserError(f"{self.config.name}: these sentences cannot be scored: {error}") from None
        statistics = count_spans(gold, predicted).statistics()
        intervals = {
            name: bootstrap_interval(statistics, metric)
            for name, metric in (("macro_f1", span_macro_f1), ("micro_f1", span_micro_f1))
        }
        return Scores(
            metrics=scores.metrics(),
            intervals={name: (interval.low, interval.high) for name, interval in intervals.items()},
            types={
                name: TypeScore(precision=s.precision, recall=s.recall, f1=s.f1, support=s.support)
                for name, s in scores.types.items()
            },
            predictions=predicted,
        )

    def predict(self, path: Path, progress: Progress | None = None) -> Iterator[dict[str, Any]]:
        """Tag the sentences of a text or JSON-lines file: every word gets a tag, spans are listed beside."""
        sentences = read_predict_input(path).sentences
        model = self._built()
        read = model.read([sentence.words for sentence in sentences])
        tagged = model.tag(read, self.config.batch_size, progress)
        for sentence, tags in zip(sentences, tagged, strict=True):
            yield {"words": list(sentence.words), "tags": tags, "spans": self._spans(sentence.words, tags)}

    def write_predictions(self, path: Path, sentences: Sequence[TaggedSentence], scores: Scores) -> None:
        """Write words, gold and predicted tags as JSON lines."""
        lines = (
            json.dumps({"words": s.words, "gold": s.tags, "predicted": predicted}, ensure_ascii=False) + "\n"
            for s, predicted in zip(sentences, scores.predictions, strict=True)
        )
        write_atomically(path, "".join(lines).encode())

    def mixes(self) -> dict[str, MixWeights]:
        """Learned layer weights, for the result file."""
        mix = self._built().tagger.mix
        if mix is None:
            return {}
        return {"head": MixWeights(weights=mix.normalized_weights(), gamma=mix.gamma.item())}

    def parameters(self) -> tuple[int, int]:
        """Parameters of the head, all and trained ones."""
        parameters = list(self._built().tagger.parameters())
        return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)

    def _spans(self, words: Sequence[str], tags: Sequence[str]) -> list[dict[str, Any]]:
        if self.config.head.scheme == "none":
            return []
        from seqeval.metrics.sequence_labeling import get_entities

        return [
            {"type": kind, "start": start, "end": stop + 1, "text": " ".join(words[start : stop + 1])}
            for kind, start, stop in get_entities(list(tags))
        ]

    def _built(self) -> TaggingModel:
        if self.model is None:
            raise RuntimeError("prepare() or load() comes first")
        return self.model
