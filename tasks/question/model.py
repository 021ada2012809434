"""A trained question tagger with everything it reads words by."""

from __future__ import annotations

from collections.abc import Sequence

from elmo_xlstm.modules import (
    FeatureInputs,
    Question,
    QuestionBatch,
    QuestionCollator,
    QuestionTagger,
    Sentence,
    WordCollator,
)
from tasks.model import TaskModel
from tasks.predictor import Prediction


class QuestionModel(TaskModel):
    """From question and passage to a tag for each word of the passage."""

    doing = "answer questions"

    def build_head(self, config: QuestionTagger.Config, inputs: FeatureInputs) -> QuestionTagger:
        """See :class:`~tasks.model.TaskModel`."""
        return config.build(self.space.labels, inputs)

    def build_collator(self) -> QuestionCollator:
        """See :class:`~tasks.model.TaskModel`."""
        return QuestionCollator(WordCollator(self.head.scheme, *self.vocabularies))

    def example(self, texts: tuple[Sentence, ...], target: Sequence[str] | None) -> Question:
        """See :class:`~tasks.model.TaskModel`; the texts are question and passage."""
        question, passage = texts
        return Question(question._replace(tags=None), passage._replace(tags=target))

    def texts(self, example: Question) -> tuple[Sentence, ...]:
        """See :class:`~tasks.model.TaskModel`."""
        return tuple(example)

    def predict_batch(self, batch: QuestionBatch) -> list[Prediction]:
        """See :class:`~tasks.model.TaskModel`."""
        return [Prediction(self.head.scheme.decode(ids)) for ids in self.head.decode(batch)]
