"""Aspects: a label for each aspect of a text, such as what a review says of price and of service."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.modules import Classifier
from elmo_xlstm.tasks.answers import Aspect, AspectsOfText, probabilities_of
from elmo_xlstm.tasks.classification import LabelTask
from elmo_xlstm.tasks.data import LabelledText, aspect_datasets
from elmo_xlstm.tasks.defaults import default_head
from elmo_xlstm.tasks.heads import label_heads
from elmo_xlstm.tasks.predictor import Prediction
from elmo_xlstm.tasks.registry import tasks
from elmo_xlstm.tasks.scores import Labels


class AspectTask(LabelTask):
    """Reads, trains, scores and predicts a data set of texts with a label for each aspect.

    Args:
        config: see :class:`Config`.
        embedder: of the experiment, if there is one.
    """

    @tasks.register("aspects")
    class Config(LabelTask.Config):
        """An aspect task; its score counts the labels of all aspects as one list."""

        type: Literal["aspects"] = "aspects"
        dataset: Annotated[Any, aspect_datasets]
        head: Annotated[Any, label_heads] = Field(default_factory=default_head("aspects", Classifier.Config))

        def build(self, embedder: ElmoEmbedder | None) -> AspectTask:
            """Make the task."""
            return AspectTask(self, embedder)

    def outputs(self, example: LabelledText, prediction: Prediction, top_k: int | None = None) -> dict[str, Any]:
        """The label of each aspect with its probability, and that of every label if the head gives any."""
        found = {aspect.aspect: aspect.labels for aspect in self.answer(example, prediction, top_k).aspects}
        return {
            "labels": self.shown(prediction.labels),
            **probabilities_of(found, self.labels, top_k),
            "scores": {aspect: labels[0].score for aspect, labels in found.items()},
        }

    def answer(self, example: LabelledText, prediction: Prediction, top_k: int | None = None) -> AspectsOfText:
        """Each aspect with its polarity."""
        found = zip(self.built().space.aspects, self._ranked(prediction, top_k), strict=False)  # none without words
        aspects = (Aspect(name, labels[0].label, labels[0].score, labels) for name, labels in found)
        return AspectsOfText(example.texts[0], tuple(aspects))

    def shown(self, labels: Labels) -> Any:
        """The label of each aspect."""
        return dict(zip(self.built().space.aspects, labels, strict=True))
