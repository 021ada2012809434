"""Labelled texts and tagged sentences from JSON-lines files: one object a line."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from elmo_xlstm.config import Settings
from elmo_xlstm.tasks.data.examples import ExampleT, LabelledText, Reading, TaggedSentence
from elmo_xlstm.tasks.data.readers.problems import filled_lines, read_rows
from elmo_xlstm.tasks.data.readers.rows import HALF_CHARACTER, SURROGATE, kind_of, labelled_row, tagged_row

Key = Annotated[str, Field(min_length=1)]
Keys = Annotated[tuple[str, ...], Field(min_length=1)]


class LabelledJsonReader(Settings):
    """Reads texts with labels: ``{"text": "...", "label": "..."}``."""

    text_keys: Keys = ("text",)
    """Keys of the texts: one, or two for pairs."""
    label_keys: Keys = ("label",)
    """Keys of the labels: one, or one for each aspect."""
    label_names: dict[str, str] = {}
    """New names for labels of the file."""
    strict: bool = True
    """Refuse a file with problems; false skips each row that has one, and counts."""

    def read(self, path: Path, labels: Collection[str] | None = None) -> Reading[LabelledText]:
        """Read one file; other keys are ignored, blank lines passed over.

        Args:
            path: UTF-8; .gz, .bz2, .xz and .zst are decompressed.
            labels: those that may occur; ``None`` accepts any.

        Raises:
            DataError: strict, and lines are bad: all are counted, the first twenty listed.
            UserError: the file is missing, not UTF-8 or holds no text.
        """

        def parse(row: dict[str, Any], origin: str) -> LabelledText:
            texts = {key: row[key] for key in self.text_keys}
            # A label that is not there stands for an empty one, which may have a name.
            found = {key: row.get(key) for key in self.label_keys}
            return labelled_row(texts, found, self.label_names, labels, origin)

        wanted = self.text_keys if "" in self.label_names else (*self.text_keys, *self.label_keys)
        return _read(path, wanted, parse, "text", self.strict)


class TaggedJsonReader(Settings):
    """Reads sentences with tags: ``{"words": ["..."], "tags": ["..."]}``."""

    words_key: Key = "words"
    """Key of the list of words."""
    tags_key: Key = "tags"
    """Key of the list of tags."""
    label_names: dict[str, str] = {}
    """New names for tags of the file."""
    strict: bool = True
    """Refuse a file with problems; false skips each row that has one, and counts."""

    def read(self, path: Path, labels: Collection[str] | None = None) -> Reading[TaggedSentence]:
        """Read one file; other keys are ignored, blank lines passed over.

        Args:
            path: UTF-8; .gz, .bz2, .xz and .zst are decompressed.
            labels: the tags that may occur; ``None`` accepts any.

        Raises:
            DataError: strict, and lines are bad: all are counted, the first twenty listed.
            UserError: the file is missing, not UTF-8 or holds no sentence.
        """
        keys = (self.words_key, self.tags_key)

        def parse(row: dict[str, Any], origin: str) -> TaggedSentence:
            return tagged_row(row[keys[0]], row[keys[1]], keys, self.label_names, labels, origin)

        return _read(path, keys, parse, "sentence", self.strict)


def _read(
    path: Path, keys: tuple[str, ...], parse: Callable[[dict[str, Any], str], ExampleT], what: str, strict: bool
) -> Reading[ExampleT]:
    expected = "one object with the keys " + ", ".join(f"'{key}'" for key in keys)

    def of_line(line: str, origin: str) -> ExampleT:
        row = parse_object(line, expected)
        if missing := missing_keys(row, keys):
            raise ValueError(missing)
        return parse(row, origin)

    return read_rows(path, filled_lines(path), of_line, what, strict)


def parse_object(line: str, expected: str) -> dict[str, Any]:
    """The object of one JSON line.

    Args:
        line: of the file.
        expected: what it should be, for messages: ``an object with the keys 'text', 'label'``.

    Raises:
        ValueError: it is none.
    """
    value = parse_json(line, f"expected {expected} a line")
    if not isinstance(value, dict):
        raise ValueError(f"expected {expected} a line, found {kind_of(value)}")
    return value


def missing_keys(row: Mapping[str, Any], keys: Collection[str]) -> str:
    """Which of the keys a row lacks, in words; empty if none."""
    missing = [f"'{key}'" for key in keys if key not in row]
    has = ", ".join(f"'{key}'" for key in row) or "none"
    return f"no key {', '.join(missing)}; there are: {has}" if missing else ""


def parse_json(line: str, expected: str) -> Any:
    """The value of one line.

    Args:
        line: of the file.
        expected: what it should be, for messages: ``expected an object with the keys ...``.

    Raises:
        ValueError: it is no JSON, nested too deeply, or holds what no file can: half a character, a number of
            thousands of digits.
    """
    try:
        value = json.loads(line)
        whole = json.dumps(value, ensure_ascii=False)
    except json.JSONDecodeError as error:
        raise ValueError(f"no valid JSON ({error.msg} at column {error.colno}); {expected}") from None
    except ValueError:  # Python reads no whole number of more than 4,300 digits
        raise ValueError(f"a number of thousands of digits; {expected}") from None
    except RecursionError:
        raise ValueError(f"nested too deeply; {expected}") from None
    if SURROGATE.search(whole):
        raise ValueError(HALF_CHARACTER)
    return value
