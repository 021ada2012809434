"""Examples of files to predict for, numbered, with what else their rows hold; bad rows are refused or left out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import ExampleT
from elmo_xlstm.tasks.data.readers.input_rows import InputFormat, InputRow, input_format, read_input
from elmo_xlstm.tasks.data.readers.new_text import PAIR, other_values
from elmo_xlstm.tasks.data.readers.problems import SHOWN, cut, end_of_file
from elmo_xlstm.tasks.task import Task

LONGEST_TEXT = 50_000
"""Words that are read at once: their vectors are in memory together, some kilobytes each."""
STANDARD_INPUT = Path("-")
ROW, FILE = "row", "file"


@dataclass(frozen=True)
class NewExample(Generic[ExampleT]):
    """An example to predict for.

    Attributes:
        example: as the task takes it.
        words: that it has.
        values: of its row: its number, and all but the texts.
    """

    example: ExampleT
    words: int
    values: dict[str, Any]


@dataclass(frozen=True)
class InputFiles:
    """Files and pipes to predict for.

    Attributes:
        paths: read one after the other; ``-`` is standard input.
        form: of them; by their names if None.
        columns: names of the columns or keys of the texts; the usual ones if there are none.
        skip: leave bad rows out, rather than refuse them.
    """

    paths: Sequence[Path]
    form: str | None = None
    columns: Sequence[str] = ()
    skip: bool = False

    @property
    def are_files(self) -> bool:
        """Whether all can be read twice."""
        return all(path.is_file() for path in self.paths)

    def read(self, task: Task[ExampleT], report: bool = True) -> Iterator[NewExample[ExampleT]]:
        """The examples of all files; their numbers count on from file to file.

        Args:
            task: that they are for.
            report: refuse or log bad rows at the end of each file.

        Raises:
            DataError: at the end of a file, if rows are bad and not to be skipped, or there is none.
            UserError: a file is missing or cannot be read.
        """
        before = 0
        for path in self.paths:
            problems: list[str] = []
            found, number = False, 0
            for row in self._rows(path, task):
                number = row.number
                try:
                    example = _example(task, row)
                except ValueError as error:
                    # The first are shown, the others counted.
                    problems.append(cut(f"{row.origin}: {error}") if len(problems) < SHOWN else "")
                    continue
                found = True
                ours = {ROW: before + number, **({FILE: str(path)} if len(self.paths) > 1 else {})}
                values = beside(other_values(row, task.texts_named), ours)
                yield NewExample(example, sum(map(len, task.texts(example))), {**ours, **values})
            before += number
            if report or not self.skip:
                end_of_file(path, found, problems, len(problems), task.input_name, not self.skip)

    def _rows(self, path: Path, task: Task[Any]) -> Iterator[InputRow]:
        form: InputFormat = input_format(path, self.form)
        if self.form is None and form == "tsv" and task.texts_named == PAIR:
            form = "text"  # two texts and a tab: no names of columns
        source = Path("/dev/stdin") if path == STANDARD_INPUT else path
        return read_input(source, form, task.texts_named, self.columns)


def beside(values: Mapping[str, Any], ours: Collection[str]) -> dict[str, Any]:
    """The values of a row of input, of which those that have one of our names get another."""
    return {f"input_{name}" if name in ours else name: value for name, value in values.items()}


def _example(task: Task[ExampleT], row: InputRow) -> ExampleT:
    example = task.read_row(row)
    words = sum(map(len, task.texts(example)))
    if words > LONGEST_TEXT:
        raise ValueError(
            f"{words:,} words; at most {LONGEST_TEXT:,} can be read at once: break the text into sentences, one a line"
        )
    return example


def read_values(task: Task[ExampleT], number: int, values: dict[str, Any]) -> NewExample[ExampleT]:
    """An example of values that stand in no file.

    Raises:
        UserError: they cannot be read, or are too long.
    """
    try:
        example = _example(task, InputRow(number, f"text {number}", values))
    except ValueError as error:
        raise UserError(f"text {number}: {cut(str(error))}") from None
    return NewExample(example, sum(map(len, task.texts(example))), {})


def windows(
    examples: Iterable[NewExample[ExampleT]], most_words: int, most_examples: int
) -> Iterator[list[NewExample[ExampleT]]]:
    """Examples in lists of about as many words, which are predicted for together."""
    window: list[NewExample[ExampleT]] = []
    held = 0
    for example in examples:
        window.append(example)
        held += example.words
        if held >= most_words or len(window) == most_examples:
            yield window
            window, held = [], 0
    if window:
        yield window
