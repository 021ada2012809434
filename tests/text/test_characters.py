from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.text.characters import clean_characters
from elmo_xlstm.text.cleaning import Cleaner, DropReason

SPELLINGS = [
    ("cafe\u0301", "café"),
    ("ﬁlm", "film"),
    ("ＡＢＣ", "ABC"),
    ("❤\ufe0f", "❤"),
    ("bagus\u200d", "bagus"),
    ("sch\u00c3\u00b6n", "schön"),
]


@pytest.mark.parametrize(("spelling", "word"), SPELLINGS)
def test_other_spellings_of_a_word_become_the_same(spelling: str, word: str) -> None:
    assert clean_characters(spelling) == clean_characters(word) == word


def test_without_mending_only_what_is_invisible_goes() -> None:
    assert clean_characters("cafe\u0301\u200b ﬁlm\ufe0f", fix_unicode=False) == "cafe\u0301 ﬁlm"


@pytest.mark.parametrize("fix_unicode", [True, False])
@settings(max_examples=100, deadline=None)
@given(st.text(max_size=30) | st.text(alphabet="aé\u0301\u00c3\u00a9ﬁＡ❤\ufe0f\u200d\u200b\n ", max_size=30))
def test_corpus_and_words_are_cleaned_alike(fix_unicode: bool, text: str) -> None:
    cleaned = clean_characters(text, fix_unicode)
    cleaner = Cleaner.Config(min_characters=0, strip_markup=False, fix_unicode=fix_unicode).build()
    of_corpus = cleaner.clean(text)
    assert " ".join(cleaned.split()) == ("" if isinstance(of_corpus, DropReason) else of_corpus)
    assert not fix_unicode or unicodedata.is_normalized("NFC", cleaned)
