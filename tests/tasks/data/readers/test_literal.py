from __future__ import annotations

import pytest

from elmo_xlstm.tasks.data.readers.literal import LONGEST, parse_literal, shorten


def test_literals() -> None:
    assert parse_literal(" ['a', \"b,c\", 'l\\'été'] ") == ["a", "b,c", "l'été"]
    assert parse_literal("[([0], [1, 2], 'POS')]") == [([0], [1, 2], "POS")]


def test_a_backslash_stays_as_it_is() -> None:
    assert parse_literal(r"['\d']") == [r"\d"]  # and warns of nothing


@pytest.mark.parametrize(
    "text", ["", "[1", "print(1)", "[].__class__", "{[]: 1}", "x", "'a' 1", "\0", "f'{1}'", "9" * 5000]
)
def test_all_else_is_refused(text) -> None:
    with pytest.raises(ValueError, match="^no Python list: "):
        parse_literal(text)


@pytest.mark.parametrize("text", ["[" * 90_000, "(" * 5000 + ")" * 5000, "-" * 50_000 + "1"])
def test_depth_ends_in_a_message(text) -> None:
    with pytest.raises(ValueError, match="no Python list|nested too deeply"):
        parse_literal(text)


def test_length_is_bounded() -> None:
    longest = "[" + "1," * (LONGEST // 2 - 1) + "]"
    assert len(parse_literal(longest)) == LONGEST // 2 - 1
    with pytest.raises(ValueError, match=f"at most {LONGEST}"):
        parse_literal(f"{longest}  ")


def test_shorten() -> None:
    assert shorten("a'b") == '"a\'b"'
    assert len(shorten("x" * 1000)) == 62
