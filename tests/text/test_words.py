from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.text.characters import clean_characters
from elmo_xlstm.text.words import ALL, join_words, locate_words, split_words


@pytest.mark.parametrize("keep_whole", [ALL, ()])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Budi tinggal di Jakarta.", ["Budi", "tinggal", "di", "Jakarta", "."]),
        ("anak-anak Jum'at", ["anak-anak", "Jum'at"]),
        ("Rp 1.500,25 pada 12/05/2018, 10:30", ["Rp", "1.500,25", "pada", "12/05/2018", ",", "10:30"]),
        ("hp 4g ke-3 u-19 km²", ["hp", "4g", "ke-3", "u-19", "km²"]),
        ('"Ya..." (50%)!', ['"', "Ya", "...", '"', "(", "50", "%", ")", "!"]),
        ("rumah(nya): [satu]; http: C# a=b", "rumah ( nya ) : [ satu ] ; http : C # a = b".split()),
        ("kata:(naik) (UI): nama:Dian 2:3 p/l", "kata : ( naik ) ( UI ) : nama : Dian 2:3 p / l".split()),
        ("  ", []),
        # A character is one with the marks that belong to it.
        ("cafe\u0301 di x\u0304y", ["café", "di", "x\u0304y"]),
        ("हिन्दी की किताब", ["हिन्दी", "की", "किताब"]),
        ("مَرْحَبًا بكم", ["مَرْحَبًا", "بكم"]),
        ("👍🏻👍 🇮🇩🇸🇬 ❤️", ["👍🏻", "👍", "🇮🇩", "🇸🇬", "❤"]),
        ("👨\u200d👩\u200d👧!", ["👨👩👧", "!"]),
        # What cannot be seen is neither a word nor a part of one.
        ("bagus\u200d", ["bagus"]),
        ("\ufeffbagus\u200b sekali.\u200d \u200b \u00ad 50.000\u200b", ["bagus", "sekali", ".", "50.000"]),
        ("ma\u00adkan ﬁlm ＡＢＣ", ["makan", "film", "ABC"]),
    ],
)
def test_words(text, words, keep_whole):
    assert split_words(text, keep_whole) == words


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        (
            "amount",
            "Rp50.000, rp.100.000,- (US$1.5jt) 1,5jt €20",
            "Rp50.000 , rp.100.000,- ( US$1.5jt ) 1,5jt €20".split(),
        ),
        ("mention", "@HaloBCA, cek @budi.s_1.", ["@HaloBCA", ",", "cek", "@budi.s_1", "."]),
        ("hashtag", "#SahurHari1 #हिन्दी!", ["#SahurHari1", "#हिन्दी", "!"]),
        ("email", "a.b+c@contoh.co.id, ya", ["a.b+c@contoh.co.id", ",", "ya"]),
        (
            "url",
            "https://contoh.id/a?b=1, (www.okezone.com). detik.com: bps.go.id/data/",
            "https://contoh.id/a?b=1 , ( www.okezone.com ) . detik.com : bps.go.id/data/".split(),
        ),
        ("emoticon", "bagus:) :-((( ;P :'( =D ^_^ <3.", ["bagus", ":)", ":-(((", ";P", ":'(", "=D", "^_^", "<3", "."]),
    ],
)
def test_what_is_kept_whole(kind, text, words):
    assert split_words(text) == split_words(text, [kind]) == words
    assert len(split_words(text, ())) > len(words)


@settings(max_examples=200, deadline=None)
@given(st.text(), st.sets(st.sampled_from(ALL)))
def test_words_hold_no_white_space_and_are_clean(text, keep_whole):
    words = split_words(text, keep_whole)
    assert all(word and not any(character.isspace() for character in word) for word in words)


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="aB1 .,:;-()@#/_'\"=<3RpiIdwe\u0301é❤\ufe0f\u200d👍🏻"), st.sets(st.sampled_from(ALL)))
def test_nothing_that_can_be_seen_is_lost(text, keep_whole):
    # A mark without a letter before it composes with none, so that marks are compared decomposed.
    found, expected = "".join(split_words(text, keep_whole)), "".join(clean_characters(text).split())
    assert clean_characters(found) == clean_characters(expected)


@pytest.mark.parametrize(
    "piece", ["a", "a.", "1.", "1/", "a@", "@a.", "www.", "http://", "x.com/", ":(", "-_", "\u0301"]
)
@pytest.mark.parametrize("end", ["", "x", "\u0301"])
def test_time_is_linear(piece, end):
    start = time.perf_counter()
    split_words(piece * 50_000 + end)
    assert time.perf_counter() - start < 20  # a second here; quadratic time would be hours


@given(st.text(max_size=60))
def test_words_are_where_they_are_said_to_be(text: str) -> None:
    before = 0
    for word, start, end in locate_words(text):
        assert before <= start < end <= len(text)
        assert " ".join(clean_characters(text[start:end]).split()) == word
        before = end


@given(st.lists(st.text(min_size=1, max_size=5).filter(str.strip)))
def test_given_words_are_found_in_the_text_that_they_make(words: list[str]) -> None:
    text, places = join_words(words)
    assert text == " ".join(words)
    assert [text[start:end] for start, end in places] == [word.strip() for word in words]
