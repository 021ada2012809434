"""New text to predict for, without labels: an example of each row."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from elmo_xlstm.tasks.data.examples import ExampleT, LabelledText, QuestionPassage, TaggedSentence
from elmo_xlstm.tasks.data.readers.input_rows import LINE, WORDS, InputRow, input_format, read_input
from elmo_xlstm.tasks.data.readers.problems import parse_rows
from elmo_xlstm.tasks.data.readers.questions import word_list
from elmo_xlstm.tasks.data.readers.rows import HALF_CHARACTER, SURROGATE, kind_of
from elmo_xlstm.text.words import join_words, locate_words

# Names of the texts in JSON and tables. A sentence may also have its words, as a list.
TEXT = ("text",)
PAIR = ("first", "second")
QUESTION = ("question", "passage")
SENTENCE = 'expected {"words": ["...", ...]} or {"text": "..."}'


def read_sentences(path: Path, strict: bool = True) -> Iterator[TaggedSentence]:
    """Sentences of a file, one at a time; see :func:`parse_sentence`, and :func:`read_examples` for errors."""
    return read_examples(path, parse_sentence, TEXT, "sentence", strict)


def read_examples(
    path: Path, parse: Callable[[InputRow], ExampleT], usual: Sequence[str], what: str, strict: bool = True
) -> Iterator[ExampleT]:
    """Examples of a file, one at a time.

    Args:
        path: of any format of :mod:`elmo_xlstm.tasks.data.readers.input_rows`; may be a pipe.
        parse: makes an example of a row; its ValueError says what is wrong with the row.
        usual: names of the columns or keys of the texts.
        what: the file should hold, for messages.
        strict: refuse a file with bad rows; false skips and logs them.

    Raises:
        DataError: at the end, if rows are bad (strict) or there is no example.
        UserError: the file is missing or cannot be read.
    """
    rows = ((row.origin, row) for row in read_input(path, input_format(path, None), usual))
    return parse_rows(path, rows, lambda row, _: parse(row), what, strict)


def parse_sentence(row: InputRow) -> TaggedSentence:
    """A sentence: of a text, which is split, or of words as they are.

    Raises:
        ValueError: says what is wrong with the row.
    """
    names = row.columns or TEXT
    if not row.columns and WORDS in row.values:
        if TEXT[0] in row.values:
            raise ValueError(SENTENCE)
        names = (WORDS,)
    (given,) = _given(row, names, SENTENCE)
    if isinstance(given, str) and names != (WORDS,):
        words = locate_words(_whole(given))
        if not given.strip():
            raise ValueError(f"'{names[0]}' must be a text that is not empty; {SENTENCE}")
        if not words:
            raise ValueError(f"'{names[0]}' holds no word")
        places = [(start, end) for _, start, end in words]
        return TaggedSentence(tuple(word for word, _, _ in words), None, row.origin, given, places)
    if not isinstance(given, list) or not given:
        found = "an empty one" if given == [] else kind_of(given)
        kind = "list" if names == (WORDS,) else "text or a list of words"
        raise ValueError(f"'{names[0]}' must be a {kind} that is not empty, not {found}; {SENTENCE}")
    if not all(isinstance(word, str) and word.strip() for word in given):
        raise ValueError(f"'{names[0]}' holds something that is no word; {SENTENCE}")
    text, places = join_words([_whole(word) for word in given])
    return TaggedSentence(tuple(given), None, row.origin, text, places)


def parse_text(row: InputRow) -> LabelledText:
    """A text; see :func:`parse_sentence` for errors."""
    return _labelled(row, TEXT)


def parse_pair(row: InputRow) -> LabelledText:
    """A pair of texts, in a line of plain text with a tab between them; see :func:`parse_sentence` for errors."""
    return _labelled(row, PAIR)


def parse_question(row: InputRow) -> QuestionPassage:
    """A question with its passage, each a text or a list of words; see :func:`parse_sentence` for errors."""
    expected = 'expected {"question": ..., "passage": ...}, each a text or a list of words'
    if LINE in row.values:
        raise ValueError(expected)
    question, passage = _given(row, QUESTION, expected)
    asked, _, _ = _words(question, QUESTION[0])
    return QuestionPassage(asked, (words := _words(passage, QUESTION[1]))[0], None, row.origin, *words[1:])


def other_values(row: InputRow, usual: Sequence[str]) -> dict[str, Any]:
    """The values of a row beside the texts: its identifier, for one.

    Args:
        row: that an example was made of.
        usual: names of the texts.
    """
    used = {LINE, *(row.columns or (*usual, WORDS))}
    return {name: value for name, value in row.values.items() if name not in used}


def _labelled(row: InputRow, names: tuple[str, ...]) -> LabelledText:
    expected = "expected {" + ", ".join(f'"{name}": "..."' for name in names) + "}"
    given = _given(row, names, expected)
    if wrong := [value for value in given if not isinstance(value, str | list)]:
        raise ValueError(f"{expected}, found {kind_of(wrong[0])}")
    texts = [
        _whole(value) if isinstance(value, str) else list(word_list(value, name))
        for name, value in zip(names, given, strict=True)
    ]
    return LabelledText.of_texts(texts, None, row.origin)


def _given(row: InputRow, names: tuple[str, ...], expected: str) -> list[Any]:
    """The values that an example is made of: those of the columns, or the parts of a line."""
    if row.problem:
        raise ValueError(row.problem)
    if LINE in row.values:
        parts = [row.values[LINE]] if len(names) == 1 else row.values[LINE].split("\t")
        if len(parts) != len(names):
            raise ValueError(f"{len(parts)} columns, expected two texts with a tab between them")
        return parts
    if missing := [name for name in row.columns or names if name not in row.values]:
        raise ValueError(f"no '{missing[0]}'; {expected}")
    return [row.values[name] for name in row.columns or names]


def _words(given: Any, name: str) -> tuple[tuple[str, ...], str, list[tuple[int, int]]]:
    """The words of a text or a list, the text, and where they are in it."""
    if isinstance(given, str):
        located = locate_words(_whole(given))
        words = word_list([word for word, _, _ in located], name)
        return words, given, [(start, end) for _, start, end in located]
    words = word_list(given, name)
    return words, *join_words(words)


def _whole(text: str) -> str:
    if SURROGATE.search(text):
        raise ValueError(HALF_CHARACTER)
    return text
