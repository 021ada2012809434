"""Tagging: a tag for every word, as in named entity recognition and part-of-speech tagging."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.evaluation.tagging import score_tagging
from elmo_xlstm.modules import FeatureInputs, Sentence, Tagger, WordBatch, WordCollator, repair_bio
from elmo_xlstm.tasks.answers import Tag, TaggedText
from elmo_xlstm.tasks.data import Splits, TaggedSentence, tagging_datasets
from elmo_xlstm.tasks.data.readers.input_rows import InputRow
from elmo_xlstm.tasks.data.readers.new_text import parse_sentence
from elmo_xlstm.tasks.data.readers.problems import SHOWN
from elmo_xlstm.tasks.data.scheme_fit import fit_scheme
from elmo_xlstm.tasks.heads import tagging_heads
from elmo_xlstm.tasks.model import TaskModel
from elmo_xlstm.tasks.predictor import Prediction
from elmo_xlstm.tasks.registry import tasks
from elmo_xlstm.tasks.scores import Comparison, Labels, compare_spans, list_spans
from elmo_xlstm.tasks.tag_scores import locate_spans, predict_tags
from elmo_xlstm.tasks.task import Task

logger = logging.getLogger(__name__)


class TaggingModel(TaskModel):
    """From the words of a sentence to their tags."""

    progress_label = "tag sentences"

    def build_head(self, config: Tagger.Config, inputs: FeatureInputs) -> Tagger:
        """The tagger."""
        return config.build(self.space.labels, inputs)

    def build_collator(self) -> WordCollator:
        """Pads sentences and encodes their tags."""
        return WordCollator(self.head.scheme, *self.vocabularies)

    def example(self, texts: tuple[Sentence, ...], target: Sequence[str] | None) -> Sentence:
        """A sentence with its tags."""
        (sentence,) = texts
        return sentence._replace(tags=target)

    def texts(self, example: Sentence) -> tuple[Sentence, ...]:
        """The sentence."""
        return (example,)

    def predict_batch(self, batch: WordBatch, scores: bool = False) -> list[Prediction]:
        """The best tags of each sentence."""
        return predict_tags(self.head, self.head(batch), batch.mask, scores)


class TaggingTask(Task[TaggedSentence]):
    """Reads, trains, scores and predicts a tagging data set.

    Args:
        config: see :class:`Config`.
        embedder: of the experiment, if there is one.
    """

    model_class = TaggingModel
    input_name = "sentence"

    @tasks.register("tagging")
    class Config(Task.Config):
        """A tagging task."""

        type: Literal["tagging"] = "tagging"
        dataset: Annotated[Any, tagging_datasets]
        head: Annotated[Any, tagging_heads]
        main_metric: Literal["macro_f1", "micro_f1"] = "macro_f1"
        """The score that chooses the epoch and stands in the leaderboard: F1 of spans, as the unweighted mean over
        types or over all spans together. With scheme ``none`` every tag, ``O`` too, is a type, and each word a span."""

        def build(self, embedder: ElmoEmbedder | None) -> TaggingTask:
            """Make the task."""
            return TaggingTask(self, embedder)

    def __init__(self, config: Config, embedder: ElmoEmbedder | None) -> None:
        super().__init__(config, embedder)
        self.main_metric = config.main_metric
        self.plain = config.head.scheme == "none"

    def read_data(self) -> Splits[TaggedSentence]:
        """Read the three splits and make them fit the head's scheme."""
        dataset = self.config.dataset
        return fit_scheme(dataset.load(), self.config.head.scheme, dataset)

    def targets(self, examples: Sequence[TaggedSentence]) -> list[Labels]:
        """The gold tags; where they are BIO, stray I- tags are read as B-."""
        tags = super().targets(examples)
        if self.config.head.scheme != "bio":
            return tags
        repairs = [repair_bio(list(sentence)) for sentence in tags]
        repaired = sum(count for _, count in repairs)
        if repaired:
            logger.info("%s: %d stray I- tags read as B-", self.config.name, repaired)
        return [sentence for sentence, _ in repairs]

    def metrics(self, gold: Sequence[Labels], predicted: Sequence[Labels]) -> dict[str, float]:
        """F1 of spans, and how many words have the right tag."""
        return score_tagging(gold, predicted, self.plain).metrics()

    def compare(self, gold: Sequence[Labels], predicted: Sequence[Labels]) -> Comparison:
        """Scores of spans; see :func:`~elmo_xlstm.tasks.scores.compare_spans`."""
        return compare_spans(gold, predicted, self.built().space.labels, self.plain)

    def read_gold(self, path: Path) -> Sequence[TaggedSentence]:
        """Sentences with tags from a further file of the data set's form; tags that the model lacks are logged."""
        sentences: Sequence[TaggedSentence] = self.config.dataset.reader().read(path).examples
        known = set(self.built().space.labels)
        foreign = {tag: s.origin for s in reversed(sentences) for tag in s.tags or () if tag not in known}
        if foreign:
            listed = ", ".join(f"'{tag}' ({origin})" for tag, origin in sorted(foreign.items())[:SHOWN])
            logger.warning(
                "tags that the model does not know (%d): %s; it can never be right about them; mend errors among them",
                len(foreign),
                listed,
            )
        return sentences

    def read_row(self, row: InputRow) -> TaggedSentence:
        """A sentence of words, or of a text."""
        return parse_sentence(row)

    def without_words(self, text: str) -> TaggedSentence:
        """See :class:`~elmo_xlstm.tasks.task.Task`."""
        return TaggedSentence((), None, "", text)

    def inputs(self, example: TaggedSentence) -> dict[str, Any]:
        """The words."""
        return {"words": list(example.words)}

    def outputs(self, example: TaggedSentence, prediction: Prediction, top_k: int | None = None) -> dict[str, Any]:
        """A tag for each word, and the spans that the tags make: by words, and by characters."""
        answer = self.answer(example, prediction)
        return {
            "tags": list(prediction.labels),
            "spans": [] if self.plain else list_spans(example.words, prediction.labels),
            "text": answer.text,
            "scores": list(prediction.scores),
            "mentions": [span.as_dict() for span in answer.spans],
        }

    def answer(self, example: TaggedSentence, prediction: Prediction, top_k: int | None = None) -> TaggedText:
        """Words with their tags, and spans."""
        scores: Sequence[float | None] = prediction.scores or [None] * len(prediction.labels)
        words = tuple(
            Tag(tag, start, end, example.text[start:end], score)
            for tag, (start, end), score in zip(prediction.labels, example.places, scores, strict=True)
        )
        spans = () if self.plain else locate_spans(example.text, example.places, prediction)
        return TaggedText(example.text, words, spans)
