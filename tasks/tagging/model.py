"""A trained tagger with everything it reads words by."""

from __future__ import annotations

from collections.abc import Sequence

from elmo_xlstm.modules import FeatureInputs, Sentence, Tagger, WordBatch, WordCollator
from tasks.model import TaskModel
from tasks.predictor import Prediction


class TaggingModel(TaskModel):
    """From the words of a sentence to their tags."""

    doing = "tag sentences"

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

    def predict_batch(self, batch: WordBatch) -> list[Prediction]:
        """The best tags of each sentence."""
        return [Prediction(self.head.scheme.decode(ids)) for ids in self.head.decode(batch)]
