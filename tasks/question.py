"""Question answering as tagging: the words of a passage that answer a question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.evaluation.tagging import score_tagging
from elmo_xlstm.modules import (
    FeatureInputs,
    Question,
    QuestionBatch,
    QuestionCollator,
    QuestionTagger,
    Sentence,
    WordCollator,
    repair_bio,
)
from elmo_xlstm.tasks.answers import AnsweredQuestion
from elmo_xlstm.tasks.data import QuestionPassage, question_datasets
from elmo_xlstm.tasks.data.readers.input_rows import InputRow
from elmo_xlstm.tasks.data.readers.new_text import QUESTION, parse_question
from elmo_xlstm.tasks.defaults import default_head
from elmo_xlstm.tasks.heads import question_heads
from elmo_xlstm.tasks.model import TaskModel
from elmo_xlstm.tasks.predictor import Prediction
from elmo_xlstm.tasks.registry import tasks
from elmo_xlstm.tasks.scores import Comparison, Labels, compare_spans, list_spans
from elmo_xlstm.tasks.tag_scores import locate_spans, predict_tags
from elmo_xlstm.tasks.task import Task


class QuestionModel(TaskModel):
    """From question and passage to a tag for each word of the passage."""

    progress_label = "answer questions"

    def build_head(self, config: QuestionTagger.Config, inputs: FeatureInputs) -> QuestionTagger:
        """See :class:`~elmo_xlstm.tasks.model.TaskModel`."""
        return config.build(self.space.labels, inputs)

    def build_collator(self) -> QuestionCollator:
        """See :class:`~elmo_xlstm.tasks.model.TaskModel`."""
        return QuestionCollator(WordCollator(self.head.scheme, *self.vocabularies))

    def example(self, texts: tuple[Sentence, ...], target: Sequence[str] | None) -> Question:
        """See :class:`~elmo_xlstm.tasks.model.TaskModel`; the texts are question and passage."""
        question, passage = texts
        return Question(question._replace(tags=None), passage._replace(tags=target))

    def texts(self, example: Question) -> tuple[Sentence, ...]:
        """See :class:`~elmo_xlstm.tasks.model.TaskModel`."""
        return tuple(example)

    def predict_batch(self, batch: QuestionBatch, scores: bool = False) -> list[Prediction]:
        """See :class:`~elmo_xlstm.tasks.model.TaskModel`."""
        return predict_tags(self.head, self.head(batch), batch.passage.mask, scores)


class QuestionTask(Task[QuestionPassage]):
    """Reads, trains, scores and predicts a data set of questions with passages.

    Args:
        config: see :class:`Config`.
        embedder: of the experiment, if there is one.
    """

    model_class = QuestionModel
    texts_named = QUESTION
    input_name = "question"

    @tasks.register("question")
    class Config(Task.Config):
        """A question answering task."""

        type: Literal["question"] = "question"
        dataset: Annotated[Any, question_datasets]
        head: Annotated[Any, question_heads] = Field(default_factory=default_head("question", QuestionTagger.Config))

        def build(self, embedder: ElmoEmbedder | None) -> QuestionTask:
            """Make the task."""
            return QuestionTask(self, embedder)

    def targets(self, examples: Sequence[QuestionPassage]) -> list[Labels]:
        """The gold tags, stray I read as B."""
        return [repair_bio(tags)[0] for tags in super().targets(examples)]

    def metrics(self, gold: Sequence[Labels], predicted: Sequence[Labels]) -> dict[str, float]:
        """F1 of answers, and how many words have the right tag."""
        return score_tagging(gold, predicted).metrics()

    def compare(self, gold: Sequence[Labels], predicted: Sequence[Labels]) -> Comparison:
        """Scores of answers as spans; see :func:`~elmo_xlstm.tasks.scores.compare_spans`."""
        return compare_spans(gold, predicted, self.built().space.labels)

    def read_gold(self, path: Path) -> Sequence[QuestionPassage]:
        """Questions with tags from a further CSV file."""
        questions: Sequence[QuestionPassage] = (
            self.config.dataset.reader().read(path, self.built().space.labels).examples
        )
        return questions

    def read_row(self, row: InputRow) -> QuestionPassage:
        """A question with its passage."""
        return parse_question(row)

    def inputs(self, example: QuestionPassage) -> dict[str, Any]:
        """The words of both."""
        return {"question": list(example.question), "passage": list(example.passage)}

    def outputs(self, example: QuestionPassage, prediction: Prediction, top_k: int | None = None) -> dict[str, Any]:
        """A tag for each word of the passage, and the answers that the tags mark: by words, and by characters."""
        answers = list_spans(example.passage, prediction.labels)
        return {
            "tags": list(prediction.labels),
            "answers": [{key: answer[key] for key in ("start", "end", "text")} for answer in answers],
            "text": example.text,
            "mentions": [span.as_dict() for span in self.answer(example, prediction).answers],
        }

    def answer(self, example: QuestionPassage, prediction: Prediction, top_k: int | None = None) -> AnsweredQuestion:
        """The parts of the passage that answer the question."""
        answers = locate_spans(example.text, example.places, prediction)
        return AnsweredQuestion(" ".join(example.question), example.text, answers)
