"""JSON as the standard has it."""

from __future__ import annotations

import json
import math
from typing import Any


def to_json(values: Any, indent: int | None = None) -> str:
    """The JSON of nested plain values; of a number that is not finite, for which JSON has no word, ``null``."""
    return json.dumps(_finite(values), indent=indent, ensure_ascii=False, allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(entry) for entry in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
