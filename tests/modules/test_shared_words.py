from __future__ import annotations

import pytest

from elmo_xlstm.modules.shared_words import OVERLAP, SHARED, overlap, shared_runs, shared_words


def test_shares_of_words_and_of_word_pairs() -> None:
    shares = shared_words("a b c d".split(), ["a", "b"])
    assert shares == [0.5, 1, pytest.approx(1 / 3), 1, 0.5]
    assert len(shares) == len(SHARED)
    assert shared_words(["x"], ["y", "z"]) == [0, 0, 0, 0, 0.5]


def test_shares_of_a_text_and_itself_are_whole_and_change_sides_with_the_texts() -> None:
    one, other = "budi pergi ke pasar".split(), "ani pergi ke sekolah besar".split()
    assert shared_words(one, one) == [1] * 5
    there, back = shared_words(one, other), shared_words(other, one)
    assert back == [there[1], there[0], there[3], there[2], there[4]]


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        ("ada 403 kota", "ada 416 kota", [1, 1]),
        ("ada 403 kota", "ada kota", [1, 0]),
        ("pada 1945", "pada 17 - 1945", [0, 1]),
        ("pada 1945 di jawa", "1945", [0, 0]),
        ("tiga kota", "empat kota", [0, 0]),
    ],
)
def test_numbers_that_the_other_text_lacks(one: str, other: str, found: list[float]) -> None:
    assert overlap(one.split(), other.split())[len(SHARED) :] == found


def test_casing_does_not_matter_to_the_overlap() -> None:
    one, other = "Budi pergi ke Pasar".split(), "ANI pergi ke pasar".split()
    lower = [[word.lower() for word in words] for words in (one, other)]
    assert overlap(one, other) == overlap(*lower) == [*shared_words(*lower), 0, 0]
    assert len(overlap(one, other)) == len(OVERLAP)


def test_runs_are_the_longest_through_each_word() -> None:
    passage = "penyu hijau dan penyu sisik hijau".split()
    assert shared_runs(passage, "nama latin penyu hijau".split()) == [2, 2, 0, 1, 0, 1]
    assert shared_runs(passage, passage) == [6] * 6
    assert shared_runs(["a", "a", "a"], ["a", "a"]) == [2, 2, 2]
    assert shared_runs(["a"], ["b", "c"]) == [0]
