"""Question answering as tagging: the words of a passage that answer a question."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.evaluation.tagging import score_tagging
from elmo_xlstm.modules import repair_bio
from tasks.predictor import Prediction, Texts
from tasks.question.datasets import question_datasets
from tasks.question.heads import question_heads
from tasks.question.model import QuestionModel
from tasks.readers.questions import QuestionPassage, read_question_input, read_questions
from tasks.registry import tasks
from tasks.tagging.spans import compare_spans, list_spans
from tasks.task import Comparison, Labels, Task


class QuestionTask(Task[QuestionPassage]):
    """Reads, trains, scores and predicts a data set of questions with passages.

    Args:
        config: see :class:`Config`.
        embedder: of the experiment, if there is one.
    """

    model_class = QuestionModel

    @tasks.register("question")
    class Config(Task.Config):
        """A question answering task."""

        type: Literal["question"] = "question"
        dataset: Annotated[Any, question_datasets]
        head: Annotated[Any, question_heads]

        def build(self, embedder: ElmoEmbedder | None) -> QuestionTask:
            """Make the task."""
            return QuestionTask(self, embedder)

    def texts(self, example: QuestionPassage) -> Texts:
        """The words of question and passage."""
        return (example.question, example.passage)

    def gold(self, example: QuestionPassage) -> Labels:
        """A tag for each word of the passage."""
        return example.tags or ()

    def targets(self, examples: Sequence[QuestionPassage]) -> list[Labels]:
        """The gold tags, stray I read as B."""
        return [repair_bio(tags)[0] for tags in super().targets(examples)]

    def metrics(self, gold: Sequence[Labels], predicted: Sequence[Labels]) -> dict[str, float]:
        """F1 of answers, and how many words have the right tag."""
        return score_tagging(gold, predicted).metrics()

    def compare(self, gold: Sequence[Labels], predicted: Sequence[Labels]) -> Comparison:
        """Scores of answers as spans; see :func:`~tasks.tagging.spans.compare_spans`."""
        return compare_spans(gold, predicted, self.built().space.labels)

    def read_gold(self, path: Path) -> Sequence[QuestionPassage]:
        """Questions with tags from a further CSV file."""
        return read_questions(path, self.config.dataset.labels).sentences

    def read_input(self, path: Path) -> Iterator[QuestionPassage]:
        """Questions and passages of a JSON-lines file."""
        return read_question_input(path)

    def inputs(self, example: QuestionPassage) -> dict[str, Any]:
        """The words of both."""
        return {"question": list(example.question), "passage": list(example.passage)}

    def outputs(self, example: QuestionPassage, prediction: Prediction) -> dict[str, Any]:
        """A tag for each word of the passage, and the answers that the tags mark."""
        answers = list_spans(example.passage, prediction.labels)
        return {
            "tags": list(prediction.labels),
            "answers": [{key: answer[key] for key in ("start", "end", "text")} for answer in answers],
        }
