"""Texts of a file with their numbers, so that what is made of them can be joined to the file again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from elmo_xlstm.embedding.vector_files import TextRow
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers.input_rows import LINE, WORDS, InputRow, input_format, read_input
from elmo_xlstm.tasks.data.readers.new_text import SENTENCE, TEXT
from elmo_xlstm.text.words import split_words

STANDARD_INPUT = Path("/dev/stdin")


def read_numbered(source: Path, column: str | None = None, tokenized: bool = False) -> Iterator[TextRow]:
    """Read texts one at a time.

    Args:
        source: of any format of :mod:`elmo_xlstm.tasks.data.readers.input_rows`; ``-`` is standard input, plain text.
        column: or key, of the texts; the usual one if None.
        tokenized: words of a text are separated by spaces.

    Yields:
        Each text with the number of its row, or line, from 0; blank lines are passed over.

    Raises:
        UserError: the file cannot be read, or a row has no text.
    """
    path = STANDARD_INPUT if str(source) == "-" else source
    for row in read_input(path, input_format(path, None), TEXT, () if column is None else (column,)):
        given = _given(row)
        words = given if isinstance(given, list) else given.split() if tokenized else split_words(given)
        yield TextRow(row.number - 1, " ".join(given) if isinstance(given, list) else given, words)


def _given(row: InputRow) -> str | list[str]:
    """The text of a row, or its words.

    Raises:
        UserError: it has none.
    """
    names = row.columns or ((LINE,) if LINE in row.values else (WORDS,) if WORDS in row.values else TEXT)
    given = row.values.get(names[0])
    if isinstance(given, list) and all(isinstance(word, str) for word in given):
        return given
    if row.problem or not isinstance(given, str):
        raise UserError(f"{row.origin}: {row.problem or SENTENCE}")
    return given.strip() if names == (LINE,) else given
