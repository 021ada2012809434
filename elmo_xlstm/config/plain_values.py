"""What plain values of a configuration must keep to, whatever they came from."""

from __future__ import annotations

import json
import re
from typing import Any

from elmo_xlstm.config.errors import ConfigError

DEEPEST = 100
"""Nesting; experiments have less than 20, and validation would run out of stack far below 1,000."""
LARGEST = 2**53
"""Whole numbers up to this are exact in jsonnet, and no setting needs a larger one."""


def parse_values(text: str, origin: str) -> Any:
    """The plain values of a JSON text, checked.

    Raises:
        ConfigError: they are nested too deeply, or hold a number that is too large.
    """
    try:
        values = json.loads(text)
    except RecursionError:
        raise ConfigError(origin, [TOO_DEEP]) from None
    except json.JSONDecodeError:
        raise
    except ValueError:  # Python reads no number of more than 4,300 digits
        raise ConfigError(origin, [TOO_LARGE]) from None
    problem = find_problem(values)
    if problem is not None:
        raise ConfigError(origin, [problem])
    return values


TOO_DEEP = f"is nested more than {DEEPEST} levels deep; settings have less than 20, check for a value inside itself"
TOO_LARGE = f"holds a whole number beyond {LARGEST:,}, up to which numbers are exact; give a smaller one"
NO_TEXT = re.compile("[\0\ud800-\udfff]")
NOT_WHOLE = "holds a text with a NUL or half a character (a lone surrogate), which no file name can; write it as UTF-8"


def find_problem(values: Any, texts: bool = True) -> str | None:
    """What no setting can take: too many levels, too large a whole number, a text that no file can hold."""
    level = [values]
    for _ in range(DEEPEST + 1):
        if not level:
            return None
        below: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                below.extend(value.values())
                below.extend(value)
            elif isinstance(value, list):
                below.extend(value)
            elif isinstance(value, int) and abs(value) > LARGEST:
                return TOO_LARGE
            elif texts and isinstance(value, str) and NO_TEXT.search(value):
                return NOT_WHOLE
        level = below
    return TOO_DEEP
