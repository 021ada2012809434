from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.data.words import split_words


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Budi tinggal di Jakarta.", ["Budi", "tinggal", "di", "Jakarta", "."]),
        ("anak-anak Jum'at", ["anak-anak", "Jum'at"]),
        ("Rp 1.500,25 pada 12/05/2018, 10:30", ["Rp", "1.500,25", "pada", "12/05/2018", ",", "10:30"]),
        ("hp 4g ke-3 u-19", ["hp", "4g", "ke-3", "u-19"]),
        ('"Ya..." (50%)!', ['"', "Ya", "...", '"', "(", "50", "%", ")", "!"]),
        ("  ", []),
    ],
)
def test_examples(text, words):
    assert split_words(text) == words


@settings(max_examples=200, deadline=None)
@given(st.text())
def test_nothing_but_white_space_is_lost(text):
    words = split_words(text)
    assert "".join(words) == "".join(text.split())
    assert all(word and not any(c.isspace() for c in word) for word in words)
