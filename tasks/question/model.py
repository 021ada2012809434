"""A trained question tagger with everything it reads words by."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from elmo_xlstm.modules import Sentence, WordCollator
from tasks.model import TaskModel
from tasks.predictor import Prediction
from tasks.question.batch import Question, QuestionBatch, QuestionCollator
from tasks.question.tagger import QuestionTagger


class QuestionModel(TaskModel):
    """From question and passage to a tag for each word of the passage."""

    doing = "answer questions"

    def build_head(self, config: QuestionTagger.Config, layers: tuple[int, int] | None, initialise: bool) -> nn.Module:
        """See :class:`~tasks.model.TaskModel`."""
        words, characters = self.vocabularies
        return config.build(self.space.labels, layers, characters, words, initialise)

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
