from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.text.cleaning import Cleaner, CleaningReport, DropReason
from elmo_xlstm.text.sources.base import Document

SENTENCE = "Presiden Joko Widodo pergi ke Bandung pada hari Senin untuk rapat."


def clean(text: str, **settings: object) -> str | DropReason:
    return validate(Cleaner.Config, {"min_characters": 0, **settings}).build().clean(text)


def test_white_space_and_paragraphs_become_single_spaces_and_casing_stays() -> None:
    assert clean("  Satu\t DUA\r\n\r\n\n tiga\u00a0empat\u2003lima\u2028enam ") == "Satu DUA tiga empat lima enam"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("sch\u00c3\u00b6n dan caf\u00c3\u00a9 di kota", "schön dan café di kota"),
        ("\u00e2\u20ac\u0153halo\u00e2\u20ac\u009d", "“halo”"),
        ("cafe\u0301", "café"),
        ("ﬁlm ＡＢＣ", "film ABC"),
        ("kata ‘petik’ dan “ganda” – tetap…", "kata ‘petik’ dan “ganda” – tetap…"),
        ("São Paulo, Łódź, Жук, 漢字, بسم", "São Paulo, Łódź, Жук, 漢字, بسم"),
    ],
)
def test_broken_unicode_is_mended_and_good_text_left_alone(raw: str, expected: str) -> None:
    assert clean(raw) == expected


def test_fix_unicode_can_be_switched_off() -> None:
    assert clean("cafe\u0301 sch\u00c3\u00b6n", fix_unicode=False) == "cafe\u0301 sch\u00c3\u00b6n"


@pytest.mark.parametrize(
    "invisible", "\x00 \x1b \u00ad \u034f \u200b \u200d \ufe0f \ufeff \ufffd \ud800 \U000e0101".split(" ")
)
def test_an_invisible_character_goes_whatever_else_the_text_holds(invisible: str) -> None:
    for beside in ("", "\u200b", "é"):
        assert clean(f"Saya suka{invisible} kamu{beside} {invisible} ❤{invisible}") == clean(
            f"Saya suka kamu{beside} ❤"
        )
    assert clean("kata&#x200b; &shy;dan&#xfe0f;") == "kata dan"


def test_boilerplate_is_found_whatever_invisible_characters_it_holds() -> None:
    assert clean("satu\nBaca\u200b juga: dua\ufe0f\ntiga", remove=["^Baca juga:.*$"]) == "satu tiga"


def test_markup_can_be_left() -> None:
    assert clean("<b>a</b> &amp; {{b}}", strip_markup=False) == "<b>a</b> &amp; {{b}}"


def test_short_and_empty_documents_are_dropped_with_the_reason() -> None:
    cleaner = Cleaner.Config().build()
    assert cleaner.clean("x" * 50) == "x" * 50
    assert cleaner.clean("x" * 49) is DropReason.SHORT
    assert cleaner.clean("<b>" + " " * 60 + "</b>") is DropReason.EMPTY
    assert cleaner.clean("<b>" + "x" * 45 + "</b>") is DropReason.SHORT


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="a <>&;{}[]|='\n/b\u00c3\u00a9\u200b\u0301", max_size=60))
def test_cleaned_text_is_one_line_of_storable_composed_text(text: str) -> None:
    cleaned = clean(text)
    if isinstance(cleaned, DropReason):
        return
    assert cleaned == " ".join(cleaned.split())
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in cleaned)
    assert unicodedata.is_normalized("NFC", cleaned)
    cleaned.encode()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(alphabet="abcdefgXYZ.,-?!", min_size=1, max_size=8), min_size=1, max_size=20))
def test_words_of_plain_text_survive(words: list[str]) -> None:
    assert clean("\n".join(words)) == " ".join(words)


def test_wiki_text_is_parsed_before_it_is_cleaned() -> None:
    cleaner = Cleaner.Config(min_characters=10).build()
    wiki = Document("{|\n| sel tabel\n|}\n" + SENTENCE, "halaman", markup="wikitext")
    assert cleaner.clean_document(wiki) == SENTENCE
    assert cleaner.clean_document(Document(SENTENCE, "berkas:1")) == SENTENCE


def test_reports_merge_and_count_what_was_read() -> None:
    report, other = CleaningReport(), CleaningReport(kept=5)
    report.dropped[DropReason.SHORT] = 2
    other.dropped[DropReason.SHORT] = 1
    report.merge(other)
    report.drop_kept(DropReason.DUPLICATE, 2)
    dropped = {"empty": 0, "short": 3, "duplicate": 2, "near duplicate": 0, "overlap": 0, "share": 0}
    assert report.to_dict() == {"read": 8, "kept": 3, "dropped": dropped, "excluded_lines": 0}


def test_unknown_setting_is_refused() -> None:
    with pytest.raises(ConfigError, match="min_charcters"):
        validate(Cleaner.Config, {"min_charcters": 3})


def test_cleaned_documents_are_counted() -> None:
    report = CleaningReport()
    documents = [Document(text, "x") for text in (SENTENCE, "pendek", "", SENTENCE)]
    assert list(Cleaner.Config().build().clean_documents(documents, report)) == [SENTENCE, SENTENCE]
    assert (report.read, report.kept) == (4, 2)
    assert report.to_dict()["dropped"] == {
        "empty": 1,
        "short": 1,
        "duplicate": 0,
        "near duplicate": 0,
        "overlap": 0,
        "share": 0,
    }


def test_boilerplate_is_removed_line_by_line() -> None:
    patterns = ["(?i)^baca juga:.*$", "=+", "(?s)COPYRIGHT.*"]
    text = "satu\nBaca juga: dua\ntiga baca juga: empat == lima\nCOPYRIGHT\nenam"
    assert clean(text, remove=patterns) == "satu tiga baca juga: empat lima"
    assert clean("a == b") == "a == b"
    for end in ("\r\n", "\r"):
        assert clean(text.replace("\n", end), remove=patterns) == clean(text, remove=patterns)


def test_bad_expression_is_refused_where_it_stands() -> None:
    with pytest.raises(ConfigError, match=r"remove.*'\(' is no regular expression"):
        validate(Cleaner.Config, {"remove": ["("]})
