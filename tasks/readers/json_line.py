"""JSON values of single lines, with all that can be wrong about them in words."""

from __future__ import annotations

import json
import re
from typing import Any

SURROGATE = re.compile("[\ud800-\udfff]")
HALF_CHARACTER = "holds half a character (a lone surrogate such as \\ud800); write it as UTF-8"


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
