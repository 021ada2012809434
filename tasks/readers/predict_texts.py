"""Unlabelled texts and pairs of texts to predict for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from tasks.readers.json_line import parse_json
from tasks.readers.labelled import LabelledText
from tasks.readers.predict_input import is_json_lines
from tasks.readers.problems import filled_lines, parse_rows

PAIR = ("first", "second")
"""The names of a pair's texts in JSON."""


def read_texts(path: Path, strict: bool = True) -> Iterator[LabelledText]:
    """Read texts without labels, one at a time.

    A file named ``.jsonl`` or ``.ndjson`` holds one JSON object a line: ``{"text": "..."}``; other keys are ignored.
    Any other file is plain text, one text a line. Blank lines are passed over.

    Args:
        path: UTF-8; may be a pipe.
        strict: refuse a file with bad lines; false skips and logs them.

    Raises:
        DataError: at the end, if lines are bad (strict) or there is no text.
        UserError: the file is a table, is missing or not UTF-8.
    """
    return _read(path, is_json_lines(path), ("text",), lambda line: [line], strict)


def read_pairs(path: Path, strict: bool = True) -> Iterator[LabelledText]:
    """Read pairs of texts without labels, one at a time.

    A file named ``.jsonl`` or ``.ndjson`` holds one JSON object a line: ``{"first": "...", "second": "..."}``; other
    keys are ignored. Any other file holds a pair a line, a tab between the texts. Blank lines are passed over.

    Args:
        path: UTF-8; may be a pipe.
        strict: refuse a file with bad lines; false skips and logs them.

    Raises:
        DataError: at the end, if lines are bad (strict) or there is no pair.
        UserError: the file is a table, is missing or not UTF-8.
    """
    return _read(path, is_json_lines(path, (".csv",)), PAIR, _columns, strict)


def _columns(line: str) -> list[str]:
    texts = line.split("\t")
    if len(texts) != 2:
        raise ValueError(f"{len(texts)} columns, expected two texts with a tab between them")
    return texts


def _read(
    path: Path, json_lines: bool, names: tuple[str, ...], split: Callable[[str], list[str]], strict: bool
) -> Iterator[LabelledText]:
    def parse(line: str, origin: str) -> LabelledText:
        texts = _texts_of_object(line, names) if json_lines else split(line)
        return LabelledText.of_texts(texts, None, origin)

    return parse_rows(path, filled_lines(path), parse, "text", strict, [])


def _texts_of_object(line: str, names: tuple[str, ...]) -> list[str]:
    """The texts of one JSON line.

    Raises:
        ValueError: says what is wrong with it.
    """
    expected = "expected {" + ", ".join(f'"{name}": "..."' for name in names) + "}"
    value = parse_json(line, expected)
    if not isinstance(value, dict) or not all(isinstance(value.get(name), str) for name in names):
        raise ValueError(expected)
    return [value[name] for name in names]
