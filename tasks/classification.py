"""Classification: a label for a text, as in sentiment and emotion."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.evaluation.classification import score_labels
from elmo_xlstm.modules import Classifier, FeatureInputs, Head, LabelCollator, LabelledBatch, LabelledExample, Sentence
from elmo_xlstm.tasks.answers import Answer, Label, LabelledTexts, probabilities_of, ranked
from elmo_xlstm.tasks.data import LabelledText, classification_datasets
from elmo_xlstm.tasks.data.examples import Texts
from elmo_xlstm.tasks.data.readers.input_rows import InputRow
from elmo_xlstm.tasks.data.readers.new_text import parse_text
from elmo_xlstm.tasks.defaults import default_head
from elmo_xlstm.tasks.heads import label_heads
from elmo_xlstm.tasks.model import TaskModel
from elmo_xlstm.tasks.predictor import Prediction
from elmo_xlstm.tasks.registry import tasks
from elmo_xlstm.tasks.scores import Comparison, Labels, compare_labels
from elmo_xlstm.tasks.task import Task
from elmo_xlstm.text.words import ALL, Whole, split_words


class LabelModel(TaskModel):
    """From a text, or two, to a label, or one for each aspect."""

    progress_label = "classify"

    def build_head(self, config: Any, inputs: FeatureInputs) -> Head:
        """The module of the settings; it gives (B, A, K) probabilities."""
        aspects = {"num_aspects": len(self.space.aspects)} if self.space.aspects else {}
        head: Head = config.build(self.space.labels, inputs, **aspects)
        return head

    def build_collator(self) -> LabelCollator:
        """Pads texts and encodes labels."""
        return LabelCollator(self.space.labels, *self.vocabularies)

    def example(self, texts: tuple[Sentence, ...], target: Sequence[str] | None) -> LabelledExample:
        """Texts with their labels."""
        return LabelledExample(texts, target)

    def texts(self, example: LabelledExample) -> tuple[Sentence, ...]:
        """The texts."""
        return example.texts

    def predict_batch(self, batch: LabelledBatch, scores: bool = False) -> list[Prediction]:
        """The most probable labels, and the probabilities of all."""
        probabilities = self.head.probabilities(batch)  # (B, A, K)
        best = probabilities.argmax(dim=-1).tolist()
        return [
            Prediction([self.space.labels[index] for index in indices], rows)
            for indices, rows in zip(best, probabilities.tolist(), strict=True)
        ]


class LabelTask(Task[LabelledText]):
    """Base of tasks whose examples have labels as a whole; see :class:`~elmo_xlstm.tasks.task.Task`."""

    model_class = LabelModel

    class Config(Task.Config):
        """Settings of tasks whose examples have labels as a whole."""

        main_metric: Literal["macro_f1", "weighted_f1", "micro_f1", "accuracy", "exact_match"] = "macro_f1"
        """The score that chooses the epoch and stands in the leaderboard: F1 as the mean over labels, unweighted or
        weighted by how often each occurs; F1 over all decisions, which is accuracy; or the share of examples of which
        all aspects are right."""
        keep_whole: tuple[Whole, ...] | None = None
        """Parts of a text that stay one word though they hold punctuation: url, email, mention (@name), hashtag,
        amount (Rp50.000), emoticon. By default all of them; of the benchmark's texts none, as when its published
        results were made."""

    def __init__(self, config: Config, embedder: ElmoEmbedder | None) -> None:
        super().__init__(config, embedder)
        self.main_metric = config.main_metric
        of_benchmark = config.dataset.type == "indonlu"  # type: ignore[attr-defined]
        self.keep_whole = (() if of_benchmark else ALL) if config.keep_whole is None else config.keep_whole

    def texts(self, example: LabelledText) -> Texts:
        """The words of each text: those of the file, or else split as ``keep_whole`` says."""
        if example.in_words:
            return example.words
        return tuple(tuple(split_words(text, self.keep_whole)) for text in example.texts)

    def metrics(self, gold: Sequence[Labels], predicted: Sequence[Labels]) -> dict[str, float]:
        """Macro F1 and others, over all labels of all examples together."""
        return score_labels(gold, predicted).metrics()

    def compare(self, gold: Sequence[Labels], predicted: Sequence[Labels]) -> Comparison:
        """Scores over all labels of all examples together.

        Raises:
            ValueError: there are no gold labels, or other ones than the task's.
        """
        return compare_labels(gold, predicted, self.built().space.labels, self.main_metric)

    def read_gold(self, path: Path) -> Sequence[LabelledText]:
        """Labelled examples of a further file of the data set's form."""
        examples: Sequence[LabelledText] = self.config.dataset.reader().read(path, self.built().space.labels).examples
        return examples

    def read_row(self, row: InputRow) -> LabelledText:
        """A text."""
        return parse_text(row)

    def without_words(self, text: str) -> LabelledText:
        """See :class:`~elmo_xlstm.tasks.task.Task`."""
        return LabelledText((text,), ((),), None, "")

    def inputs(self, example: LabelledText) -> dict[str, Any]:
        """The text."""
        return {"text": example.texts[0]}

    def outputs(self, example: LabelledText, prediction: Prediction, top_k: int | None = None) -> dict[str, Any]:
        """The label with its probability, and the probabilities of all or of the best, if the head gives any."""
        found = self._ranked(prediction, top_k)[0]
        return {"label": found[0].label, **probabilities_of({"": found}, self.labels, top_k), "score": found[0].score}

    def answer(self, example: LabelledText, prediction: Prediction, top_k: int | None = None) -> Answer:
        """The label, and the most probable ones."""
        if not prediction.labels:
            return LabelledTexts(example.texts, None, None, ())
        labels = self._ranked(prediction, top_k)[0]
        return LabelledTexts(example.texts, labels[0].label, labels[0].score, labels)

    @property
    def labels(self) -> tuple[str, ...]:
        """All labels that can be predicted."""
        return self.built().space.labels

    def _ranked(self, prediction: Prediction, top_k: int | None) -> list[tuple[Label, ...]]:
        """The most probable labels, of each aspect."""
        probabilities = prediction.probabilities or [()] * len(prediction.labels)
        rows = zip(probabilities, prediction.labels, strict=True)
        return [ranked(self.labels, row, best, top_k) for row, best in rows]

    def shown(self, labels: Labels) -> Any:
        """The label."""
        return labels[0]


class ClassificationTask(LabelTask):
    """Reads, trains, scores and predicts a data set of texts with a label each.

    Args:
        config: see :class:`Config`.
        embedder: of the experiment, if there is one.
    """

    @tasks.register("classification")
    class Config(LabelTask.Config):
        """A classification task."""

        type: Literal["classification"] = "classification"
        dataset: Annotated[Any, classification_datasets]
        head: Annotated[Any, label_heads] = Field(default_factory=default_head("classification", Classifier.Config))

        def build(self, embedder: ElmoEmbedder | None) -> ClassificationTask:
            """Make the task."""
            return ClassificationTask(self, embedder)
