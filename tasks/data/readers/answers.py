"""Questions with passages and answers from JSON-lines files: one object a line."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from elmo_xlstm.config import Settings
from elmo_xlstm.tasks.data.examples import QuestionPassage, Reading
from elmo_xlstm.tasks.data.readers.json_lines import Key, missing_keys, parse_object
from elmo_xlstm.tasks.data.readers.problems import filled_lines, read_rows
from elmo_xlstm.tasks.data.readers.questions import word_list
from elmo_xlstm.tasks.data.readers.rows import kind_of
from elmo_xlstm.text.words import split_words

ANSWER_TAGS = ("O", "B", "I")


class AnswerReader(Settings):
    """Reads ``{"question": "...", "passage": "...", "answer": "..."}``; each a text, or a list of words."""

    question_key: Key = "question"
    """Key of the question."""
    passage_key: Key = "passage"
    """Key of the passage."""
    answer_key: Key = "answer"
    """Key of the answer."""
    start_key: Key | None = None
    """Key of the character of the passage at which the answer begins."""
    strict: bool = True
    """Refuse a file with problems; false skips each row that has one, and counts."""

    def read(self, path: Path, labels: Collection[str] | None = None) -> Reading[QuestionPassage]:
        """Read one file; other keys are ignored, blank lines passed over.

        Args:
            path: UTF-8; .gz, .bz2, .xz and .zst are decompressed.
            labels: not used: the tags are O, B and I.

        Raises:
            DataError: strict, and lines are bad: all are counted, the first twenty listed.
            UserError: the file is missing, not UTF-8 or holds no question.
        """
        keys = (self.question_key, self.passage_key, self.answer_key)
        expected = "one object with the keys " + ", ".join(f"'{key}'" for key in keys)

        def parse(line: str, origin: str) -> QuestionPassage:
            row = parse_object(line, expected)
            if missing := missing_keys(row, keys):
                raise ValueError(missing)
            question, passage = (_words(row[key], key) for key in keys[:2])
            return QuestionPassage(question, passage, self._tags(row, passage), origin)

        return read_rows(path, filled_lines(path), parse, "question", self.strict)

    def _tags(self, row: dict[str, Any], passage: Sequence[str]) -> tuple[str, ...]:
        """B and I at the answer's words: where it is said to begin, or else where they first are.

        Raises:
            ValueError: they are not there.
        """
        tags = ["O"] * len(passage)
        if row[self.answer_key] in (None, "", []):
            return tuple(tags)
        answer = _words(row[self.answer_key], self.answer_key)
        begins: Sequence[int] = range(len(passage) - len(answer) + 1)
        if self.start_key is not None and row.get(self.start_key) is not None:
            start, text = row[self.start_key], row[self.passage_key]
            if not isinstance(start, int) or isinstance(start, bool) or not isinstance(text, str) or start < 0:
                raise ValueError(f"'{self.start_key}' is the number of a character of a text, not {kind_of(start)}")
            begins = [len(split_words(text[:start]))]
        begin = next((n for n in begins if tuple(passage[n : n + len(answer)]) == answer), None)
        if begin is None:
            raise ValueError(f"the answer '{' '.join(answer)[:100]}' is not there among the words of the passage")
        tags[begin : begin + len(answer)] = ["B", *["I"] * (len(answer) - 1)]
        return tuple(tags)


def _words(value: Any, name: str) -> tuple[str, ...]:
    return word_list(split_words(value) if isinstance(value, str) else value, name)
