"""Plain values as the text of a jsonnet file, in the style of the experiments."""

from __future__ import annotations

import json
import re
from typing import Any

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
KEYWORDS = frozenset(
    "assert else error false for function if import importbin importstr in local null self super then true".split()
)
WIDTH = 100


def to_jsonnet(value: Any, indent: int = 0) -> str:
    """The text of a value: on one line where it fits, else an entry a line.

    Args:
        value: of dictionaries, lists, texts, numbers, true, false and None.
        indent: spaces before the lines after the first.
    """
    short = _on_one_line(value)
    if len(short) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return short
    inner = " " * (indent + 2)
    if isinstance(value, dict):
        entries = [f"{_key(key)}: {to_jsonnet(item, indent + 2)}" for key, item in value.items()]
    else:
        entries = [to_jsonnet(item, indent + 2) for item in value]
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return "\n".join([opening, *(f"{inner}{entry}," for entry in entries), " " * indent + closing])


def _on_one_line(value: Any) -> str:
    if isinstance(value, dict):
        entries = ", ".join(f"{_key(key)}: {_on_one_line(item)}" for key, item in value.items())
        return f"{{ {entries} }}" if entries else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_on_one_line, value))}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _key(key: str) -> str:
    return key if IDENTIFIER.fullmatch(key) and key not in KEYWORDS else _text(key)


def _text(text: str) -> str:
    inside = json.dumps(text, ensure_ascii=False)[1:-1].replace('\\"', '"').replace("'", "\\'")
    return f"'{inside}'"
