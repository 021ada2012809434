"""A trained classifier with everything it reads words by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from elmo_xlstm.modules import FeatureInputs, Head, LabelCollator, LabelledBatch, LabelledExample, Sentence
from tasks.model import TaskModel
from tasks.predictor import Prediction


class LabelModel(TaskModel):
    """From a text, or two, to a label, or one for each aspect."""

    doing = "classify"

    def build_head(self, config: Any, inputs: FeatureInputs) -> Head:
        """What the settings make: one that gives (B, A, K) probabilities."""
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

    def predict_batch(self, batch: LabelledBatch) -> list[Prediction]:
        """The most probable labels, and the probabilities of all."""
        probabilities = self.head.probabilities(batch)  # (B, A, K)
        best = probabilities.argmax(dim=-1).tolist()
        return [
            Prediction([self.space.labels[index] for index in indices], rows)
            for indices, rows in zip(best, probabilities.tolist(), strict=True)
        ]
