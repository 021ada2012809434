"""Aspects: a label for each aspect of a text, such as what a review says of price and of service."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.modules import Classifier
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

    def outputs(self, example: LabelledText, prediction: Prediction) -> dict[str, Any]:
        """The label of each aspect, and the probability of every label if the head gives any."""
        space = self.built().space
        rows = [dict(zip(space.labels, row, strict=True)) for row in prediction.probabilities]
        probabilities = {"probabilities": dict(zip(space.aspects, rows, strict=True))} if rows else {}
        return {"labels": self.shown(prediction.labels), **probabilities}

    def shown(self, labels: Labels) -> Any:
        """The label of each aspect."""
        return dict(zip(self.built().space.aspects, labels, strict=True))
