"""Python literals in data files: lists of words or indices, never code."""

from __future__ import annotations

import ast
import warnings
from typing import Any

LONGEST = 100_000  # characters; the longest field of the data sets that are read so has fewer than 5,000


def parse_literal(text: str) -> Any:
    """The value of a Python literal (``ast.literal_eval``, which calls and looks up nothing).

    Raises:
        ValueError: the text is no literal, longer than 100,000 characters or nested too deeply.
    """
    if len(text) > LONGEST:
        raise ValueError(f"a list of {len(text)} characters; at most {LONGEST} are read")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SyntaxWarning)  # '\d' stays as it is; the data's spelling is not ours
            warnings.simplefilter("ignore", DeprecationWarning)  # what Python 3.11 and before call the same
            return ast.literal_eval(text.strip())
    except (SyntaxError, ValueError, TypeError):
        raise ValueError(f"no Python list: {shorten(text)}") from None
    except (RecursionError, MemoryError):  # the parser's own words for too many brackets
        raise ValueError("a list that is nested too deeply") from None


def shown(value: Any) -> str:
    """The beginning of a value's literal, quoted, for a message."""
    try:
        return shorten(repr(value))
    except ValueError:  # Python writes no whole number of more than 4,300 digits
        return "a value with a number of thousands of digits"


def shorten(text: str) -> str:
    """The beginning of a text, quoted, for a message."""
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
