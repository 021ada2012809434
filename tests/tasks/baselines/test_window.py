from __future__ import annotations

import string

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.tasks.baselines.linear_window import KeyFeatures, describe, shape, window_keys


@pytest.mark.parametrize(
    ("word", "expected"),
    [("Budi", "Xx"), ("12.500", "d.d"), ("DPR", "X"), ("BI-rate", "X-x"), ("漢字", "x"), ("😀", "😀"), ("", "")],
)
def test_shape(word, expected) -> None:
    assert shape(word) == expected


def test_keys_reach_two_words_to_each_side() -> None:
    rows = window_keys(["a", "b", "c", "d"])
    assert len(rows) == 4
    assert rows[1] == [
        ("-2", ""),
        ("-1", "a"),
        ("0", "b"),
        ("1", "c"),
        ("2", "d"),
        ("-1|0", "a", "b"),
        ("0|1", "b", "c"),
    ]
    assert window_keys([]) == []


def test_features_of_keys() -> None:
    assert describe(("0", "Budi")) == [
        *("0 budi", "0 shape Xx"),
        *("prefix b", "prefix bu", "prefix bud", "prefix budi"),
        *("suffix i", "suffix di", "suffix udi", "suffix budi"),
    ]
    assert describe(("0", "Di"))[2:] == ["prefix d", "prefix di", "suffix i", "suffix di"]
    assert describe(("1", "Batu")) == ["1 batu", "1 shape Xx", "1 suffix atu"]
    assert describe(("-2", "Batu")) == ["-2 batu", "-2 shape Xx"]
    assert describe(("2", "")) == ["2 "]
    assert describe(("-1|0", "Di", "Batu")) == ["-1|0 di batu"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.text(string.ascii_letters[:3] + "B1", min_size=1, max_size=3), min_size=1, max_size=5),
        min_size=1,
        max_size=5,
    ),
    st.integers(1, 3),
)
def test_the_matrix_has_a_one_for_each_frequent_feature(sentences, min_count) -> None:
    rows = [row for words in sentences for row in window_keys(words)]
    named = [[name for key in row for name in describe(key)] for row in rows]
    features = KeyFeatures.collect(rows, min_count)
    frequent = {name for row in named for name in row if sum(r.count(name) for r in named) >= min_count}
    assert set(features.names) == frequent and len(features.names) == len(frequent)
    matrix = features(rows)
    assert matrix.shape == (len(rows), len(frequent))
    expected = [[row.count(name) for name in features.names] for row in named]
    assert (matrix.toarray() == np.array(expected).reshape(matrix.shape)).all()
    again = KeyFeatures(features.names)
    assert (again(rows) != matrix).nnz == 0
    assert again([[("0", "never-seen")]]).shape == (1, len(frequent))
