"""A user's questions, each with a passage that holds the answer."""

from __future__ import annotations

from typing import Literal

from elmo_xlstm.tasks.data.readers.answers import ANSWER_TAGS, AnswerReader
from elmo_xlstm.tasks.data.readers.json_lines import Key
from elmo_xlstm.tasks.data.registries import question_datasets
from elmo_xlstm.tasks.data.user_data.files import UserFiles


@question_datasets.register("jsonl")
class AnsweredFiles(UserFiles):
    """JSON-lines files: a question, a passage and the answer in it, each a text or a list of words."""

    type: Literal["jsonl"] = "jsonl"
    question: Key = "question"
    """Key of the question."""
    passage: Key = "passage"
    """Key of the passage."""
    answer: Key = "answer"
    """Key of the answer: words of the passage, of which the first place counts; empty where it has none, for which the
    head needs ``always_answer: false``."""
    start: Key | None = None
    """Key of the character at which the answer begins, from 0; tells apart places with the same words."""

    def order_labels(self, found: set[str]) -> tuple[str, ...]:
        """The tags of answers."""
        return ANSWER_TAGS

    def reader(self) -> AnswerReader:
        """Reader of further files of the same form."""
        return AnswerReader(
            question_key=self.question,
            passage_key=self.passage,
            answer_key=self.answer,
            start_key=self.start,
            strict=self.strict,
        )
