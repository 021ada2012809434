from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.config import ConfigError, apply_overrides

writable = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
keys = st.text(st.characters(exclude_characters=".=\0", exclude_categories=["Cs"]), min_size=1, max_size=5)
plain = (
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False)
    | st.text(writable, max_size=8)
)
values = st.recursive(plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.1", 0.1),
        ("1e-3", 1e-3),
        ("true", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ('{"type": "mean"}', {"type": "mean"}),
        ("cosine", "cosine"),
        ('"3"', "3"),
        ("runs/a=b", "runs/a=b"),
        ("", ""),
        ("[1", "[1"),
    ],
)
def test_values_are_json_or_else_strings(text: str, value: Any) -> None:
    changed = apply_overrides({"a": {"b": 0}}, [f"a.b={text}"])
    assert changed == {"a": {"b": value}} and type(changed["a"]["b"]) is type(value)


def test_dotted_keys_list_items_and_missing_parents() -> None:
    values = {"sources": [{"path": "a"}, {"path": "b"}], "seed": 0}
    changed = apply_overrides(
        values, ["sources.1.path=c", "sources.0={}", "sources.0.path=d", "training.schedule.warmup=5", "seed=1"]
    )
    assert changed == {
        "sources": [{"path": "d"}, {"path": "c"}],
        "seed": 1,
        "training": {"schedule": {"warmup": 5}},
    }


def test_later_overrides_win() -> None:
    assert apply_overrides({}, ["a=1", "a=2"]) == {"a": 2}


def test_values_given_are_not_changed() -> None:
    values = {"a": {"b": [1, {"c": 2}]}}
    before = copy.deepcopy(values)
    apply_overrides(values, ["a.b.1.c=3", "a.b.0=9", "x=1"])
    assert values == before


def test_all_problems_are_reported_together() -> None:
    overrides = [
        "seed",
        "=3",
        "a..b=1",
        ".a=1",
        "a.=1",
        "seed.deep=1",
        "items.2=1",
        "items.-1=1",
        "items.x.y=1",
        "ok=1",
    ]
    with pytest.raises(ConfigError) as caught:
        apply_overrides({"seed": 0, "items": [1, 2]}, overrides)
    malformed = [f"-o {text}: expected dotted.key=value" for text in overrides[:5]]
    assert caught.value.problems == [
        *malformed,
        "-o seed.deep=1: 'seed' is a plain value, nothing can be set inside it",
        "-o items.2=1: 'items' is a list of 2; '2' is not in it",
        "-o items.-1=1: 'items' is a list of 2; '-1' is not in it",
        "-o items.x.y=1: 'items' is a list of 2; 'x' is not in it",
    ]


def test_a_digit_that_is_no_number_is_no_index() -> None:
    with pytest.raises(ConfigError, match="'²' is not in it"):
        apply_overrides({"items": [1, 2, 3]}, ["items.²=1"])


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(keys, values, max_size=3), st.lists(keys, min_size=1, max_size=3), values)
def test_what_is_set_is_read_back_and_the_rest_stays(start: dict[str, Any], path: list[str], value: Any) -> None:
    try:
        changed = apply_overrides(start, [f"{'.'.join(path)}={json.dumps(value)}"])
    except ConfigError:
        here: Any = start  # refused: then the way leads through something that is no object
        for key in path[:-1]:
            here = here.get(key, {}) if isinstance(here, dict) else here
        assert not isinstance(here, dict)
        return
    here = changed
    for key in path:
        here = here[int(key) if isinstance(here, list) else key]
    assert here == value
    assert {k: v for k, v in changed.items() if k != path[0]} == {k: v for k, v in start.items() if k != path[0]}


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(keys, st.dictionaries(keys, values, max_size=3), max_size=3))
def test_an_object_is_rebuilt_from_overrides_alone(wanted: dict[str, dict[str, Any]]) -> None:
    overrides = [f"{outer}={{}}" for outer in wanted]
    overrides += [
        f"{outer}.{key}={json.dumps(value)}" for outer, inner in wanted.items() for key, value in inner.items()
    ]
    assert apply_overrides({}, overrides) == wanted
