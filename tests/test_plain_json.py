from __future__ import annotations

import json
import math

from elmo_xlstm.plain_json import to_json


def test_what_is_no_number_is_null_at_every_depth() -> None:
    values = {"a": math.nan, "b": [1.5, -math.inf, {"c": (math.inf, "é", None, True, 3)}]}
    text = to_json(values)
    assert json.loads(text, parse_constant=lambda _: 1 / 0) == {
        "a": None,
        "b": [1.5, None, {"c": [None, "é", None, True, 3]}],
    }
    assert math.isnan(values["a"])  # type: ignore[arg-type]
