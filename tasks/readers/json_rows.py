"""Labelled texts and tagged sentences from JSON-lines files: one object a line."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from elmo_xlstm.config import Settings
from tasks.readers.labelled import LabelledReading, LabelledText
from tasks.readers.problems import ExampleT, filled_lines, parse_rows
from tasks.readers.rows import labelled_row, missing_keys, parse_object, tagged_row
from tasks.readers.sentence import Reading, TaggedSentence

Key = Annotated[str, Field(min_length=1)]
Keys = Annotated[tuple[str, ...], Field(min_length=1)]


class LabelledJsonReader:
    """Reads texts with labels: ``{"text": "...", "label": "..."}``.

    Args:
        config: see :class:`Config`.
    """

    class Config(Settings):
        """Which keys, and what to do about problems."""

        type: Literal["labelled_json"] = "labelled_json"
        text_keys: Keys = ("text",)
        """Keys of the texts: one, or two for pairs."""
        label_keys: Keys = ("label",)
        """Keys of the labels: one, or one for each aspect."""
        label_names: dict[str, str] = {}
        """What labels of the file are called instead."""
        strict: bool = True
        """Refuse a file with problems; false skips each row that has one, and counts."""

        def build(self) -> LabelledJsonReader:
            """Make the reader."""
            return LabelledJsonReader(self)

    def __init__(self, config: Config) -> None:
        """Keep the settings."""
        self.config = config

    def read(self, path: Path, labels: Collection[str] | None = None) -> LabelledReading:
        """Read one file; other keys are ignored, blank lines passed over.

        Args:
            path: UTF-8; .gz, .bz2, .xz and .zst are decompressed.
            labels: those that may occur; ``None`` accepts any.

        Raises:
            DataError: strict, and lines are bad: all are counted, the first twenty listed.
            UserError: the file is missing, not UTF-8 or holds no text.
        """
        config = self.config

        def parse(row: dict[str, Any], origin: str) -> LabelledText:
            texts = {key: row[key] for key in config.text_keys}
            # A label that is not there stands for an empty one, which may have a name.
            found = {key: row.get(key) for key in config.label_keys}
            return labelled_row(texts, found, config.label_names, labels, origin)

        wanted = config.text_keys if "" in config.label_names else (*config.text_keys, *config.label_keys)
        return LabelledReading(*_read(path, wanted, parse, config.strict, "text"))


class TaggedJsonReader:
    """Reads sentences with tags: ``{"words": ["..."], "tags": ["..."]}``.

    Args:
        config: see :class:`Config`.
    """

    class Config(Settings):
        """Which keys, and what to do about problems."""

        type: Literal["tagged_json"] = "tagged_json"
        words_key: Key = "words"
        """Key of the list of words."""
        tags_key: Key = "tags"
        """Key of the list of tags."""
        label_names: dict[str, str] = {}
        """What tags of the file are called instead."""
        strict: bool = True
        """Refuse a file with problems; false skips each row that has one, and counts."""

        def build(self) -> TaggedJsonReader:
            """Make the reader."""
            return TaggedJsonReader(self)

    def __init__(self, config: Config) -> None:
        """Keep the settings."""
        self.config = config

    def read(self, path: Path, labels: Collection[str] | None = None) -> Reading:
        """Read one file; other keys are ignored, blank lines passed over.

        Args:
            path: UTF-8; .gz, .bz2, .xz and .zst are decompressed.
            labels: the tags that may occur; ``None`` accepts any.

        Raises:
            DataError: strict, and lines are bad: all are counted, the first twenty listed.
            UserError: the file is missing, not UTF-8 or holds no sentence.
        """
        keys = (self.config.words_key, self.config.tags_key)

        def parse(row: dict[str, Any], origin: str) -> TaggedSentence:
            return tagged_row(row[keys[0]], row[keys[1]], keys, self.config.label_names, labels, origin)

        return Reading(*_read(path, keys, parse, self.config.strict, "sentence"))


def _read(
    path: Path, keys: tuple[str, ...], parse: Callable[[dict[str, Any], str], ExampleT], strict: bool, what: str
) -> tuple[tuple[ExampleT, ...], tuple[str, ...], int]:
    """Examples, problems and how many rows were skipped."""
    expected = "one object with the keys " + ", ".join(f"'{key}'" for key in keys)
    problems: list[str] = []

    def of_line(line: str, origin: str) -> ExampleT:
        row = parse_object(line, expected)
        if missing := missing_keys(row, keys):
            raise ValueError(missing)
        return parse(row, origin)

    examples = tuple(parse_rows(path, filled_lines(path), of_line, what, strict, problems))
    return examples, tuple(problems), len(problems)
