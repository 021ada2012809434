from __future__ import annotations

import pytest

from elmo_xlstm.tasks.data.readers.rows import read_label


@pytest.mark.parametrize(
    ("value", "label"),
    [
        (" positif ", "positif"),
        (0, "0"),
        (3.0, "3"),
        (-1, "-1"),
        (True, "true"),
        ("1.0", "1"),
        ("-2.00", "-2"),
        ("1.5", "1.5"),
        ("v1.0", "v1.0"),
    ],
)
def test_values(value, label) -> None:
    assert read_label(value, {}, None) == label


def test_names_stand_for_values_and_for_nothing() -> None:
    names = {"0": "buruk", "1": "baik", "": "netral"}
    assert [read_label(value, names, None) for value in (0, "1", None, " ", 1.0)] == [
        "buruk",
        "baik",
        "netral",
        "netral",
        "baik",
    ]
    assert read_label("lain", names, None) == "lain"


@pytest.mark.parametrize("value", ["", "  ", None])
def test_empty(value) -> None:
    with pytest.raises(ValueError, match="^empty label in column 'x'$"):
        read_label(value, {}, None, " in column 'x'")


def test_unknown() -> None:
    with pytest.raises(ValueError, match=r"^unknown label 'possitive' at place 2; did you mean 'positive'\?$"):
        read_label("possitive", {}, ["positive", "negative"], " at place 2")
    with pytest.raises(ValueError, match="^unknown label '7'$"):
        read_label(7, {}, ["positive", "negative"])
    with pytest.raises(ValueError, match="unknown label 'baik'"):  # known are the new names
        read_label(1, {"1": "baik"}, ["1"])


@pytest.mark.parametrize(("value", "kind"), [([1], "a list"), ({}, "an object"), (0.5, "a number")])
def test_no_label(value, kind) -> None:
    with pytest.raises(ValueError, match=f"expected a label in x as a text or a whole number, found {kind}"):
        read_label(value, {}, None, " in x")
