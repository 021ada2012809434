from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.text.cleaning import Cleaner, CleaningReport, DropReason
from elmo_xlstm.text.overlap import Exclusion, PassageIndex, normal_words, sentences

LETTERS = [chr(ord("a") + index) for index in range(26)]
ALPHABET = " ".join(LETTERS)


def index_of(*texts: str, ngram: int = 5, sentence_words: int = 3) -> PassageIndex:
    index = PassageIndex(ngram, sentence_words)
    for number, text in enumerate(texts):
        index.add(text, number)
    return index


def test_casing_punctuation_and_spaces_do_not_matter() -> None:
    assert normal_words("“Anak-anak” PERGI,ke\tPasar_Baru 1.500!\n\ufb01lm") == (
        "anak anak pergi ke pasar baru 1 500 film".split()
    )
    index = index_of("Dia pergi ke pasar , lalu pulang .")
    assert [match.passage for match in index.find("(dia PERGI ke\npasar… lalu tidur")] == ["dia pergi ke pasar lalu"]


def test_sentences_end_at_marks_and_lines() -> None:
    assert sentences('Saya pergi. "Dia pulang!" Kata\nibu 1.5 juta ?') == [
        ["saya", "pergi"],
        ["dia", "pulang"],
        ["kata"],
        ["ibu", "1", "5", "juta"],
    ]


def test_short_sentences_must_be_whole_in_both() -> None:
    index = index_of("a b c. d e f g h i")
    assert [match.passage for match in index.find("x y. A, b c! z")] == ["a b c"]
    assert not index.find("x a b c. z")
    assert not index.find("a b c x")
    assert not index_of("a b. c d e f g").find("a b. x")  # too short to mean anything
    assert [(match.start, match.stop) for match in index.find("d e f g h")] == [(0, 5)]


def test_sentence_over_lines_is_found() -> None:
    assert index_of("a b c d").drop_lines("x.\na b\nc d\ny") == ("x.\na b\nc d\ny", 0)  # y goes on
    assert index_of("a b c d").drop_lines("x.\na b\nc d.\ny") == ("x.\ny", 2)


def test_tells_which_texts_have_a_passage() -> None:
    index = index_of("a b c d e f", "x b c d e f", "p q r")
    assert index.numbers("b c d e f") == {0, 1}
    assert index.numbers("p q r") == {2}
    assert index.numbers("p q") == set()
    assert len(index) == 4


def brute_force(text: str, other: str, ngram: int, sentence_words: int) -> bool:
    """Whether two texts of plain words and full stops share a passage."""

    def passages(text: str) -> Iterator[tuple[str, ...]]:
        words = tuple(normal_words(text))
        yield from (words[start : start + ngram] for start in range(len(words) - ngram + 1))
        for part in text.replace("\n", ". ").split("."):
            if sentence_words <= len(part.split()) < ngram:
                yield ("sentence", *part.split())

    return not set(passages(text)).isdisjoint(passages(other))


PIECES = st.lists(st.sampled_from(["a", "b", "c", ".", "\n"]), max_size=25).map(lambda pieces: " ".join(pieces))


@settings(max_examples=300, deadline=None)
@given(PIECES, PIECES)
def test_nothing_shared_is_left_and_only_shared_lines_go(text: str, other: str) -> None:
    index = PassageIndex(4, 3)
    index.add(other)
    kept, dropped = index.drop_lines(text)
    assert not index.find(kept) and not brute_force(kept, other, 4, 3)
    assert dropped == len(text.splitlines()) - len(kept.splitlines()) or not kept
    assert (dropped > 0) >= brute_force(text, other, 4, 3)
    if not dropped:
        assert kept == text


@settings(max_examples=100, deadline=None)
@given(st.permutations(LETTERS), st.integers(0, 21), st.integers(1, 6))
def test_a_run_is_found_wherever_it_stands(letters: list[str], start: int, length: int) -> None:
    text = ["x1", "x2", *letters[start : start + length], "x3"]
    found = index_of(" ".join(letters)).find(" ".join(text))
    assert len(found) == max(0, len(letters[start : start + length]) - 4)


@pytest.fixture
def exclusion(tmp_path: Path) -> Exclusion:
    path = tmp_path / "evaluation.txt"
    path.write_text(f"satu dua tiga .\n\n{ALPHABET}\n", encoding="utf-8")
    return Exclusion(paths=[str(path)], ngram=13, sentence_words=3)


def test_cleaning_keeps_excluded_lines_out_and_counts_them(exclusion: Exclusion) -> None:
    cleaner = validate(Cleaner.Config, {"min_characters": 8, "exclude": exclusion.model_dump()}).build()
    report = CleaningReport()
    good = "baris yang baik"
    hidden = ALPHABET.replace("c", "c\u200b", 1)
    assert cleaner.clean(f"{good}\n<b>{hidden}</b>\n{good}", report) == f"{good} {good}"
    assert cleaner.clean(f"{good}\nSatu, dua tiga!\n", report) == good
    twelve = f"{ALPHABET[:23]} x {ALPHABET[24:47]}"
    assert cleaner.clean(twelve, report) == twelve
    assert cleaner.clean(ALPHABET, report) is DropReason.OVERLAP
    assert cleaner.clean(f"{ALPHABET}\nx", report) is DropReason.OVERLAP
    assert cleaner.clean("x", report) is DropReason.SHORT
    assert report.excluded_lines == 4


def test_fingerprint_follows_the_texts(exclusion: Exclusion) -> None:
    before = exclusion.fingerprint()
    json.dumps(before)
    Path(exclusion.paths[0]).write_text("lain\n")
    assert exclusion.fingerprint() != before


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="tidak_ada"):
        Exclusion(paths=[str(tmp_path / "tidak_ada.txt")]).build()


def test_random_text_of_few_words_agrees_with_brute_force() -> None:
    rng = random.Random(0)
    found = 0
    for _ in range(300):
        text, other = (" ".join(rng.choices("abcd", k=12)) for _ in range(2))
        index = PassageIndex(4, 3)
        index.add(other)
        shared = bool(index.find(text))
        assert shared == brute_force(text, other, 4, 3)
        found += shared
    assert 20 < found < 280
