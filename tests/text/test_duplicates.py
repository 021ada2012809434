import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.text.duplicates import NearDuplicates, SeenHashes

WORDS = [f"kata{number}" for number in range(2000)]


def document(seed: int, words: int = 200) -> list[str]:
    return random.Random(seed).choices(WORDS, k=words)


def agree(one: list[str], other: list[str]) -> bool:
    first, second = NearDuplicates().bands_of([" ".join(one), " ".join(other)])
    return bool((first == second).any())


def test_few_changed_words_are_found_and_other_texts_are_not() -> None:
    original = document(0)
    changed = [*original[:100], "lain", *original[101:], "tamat"]
    assert agree(original, changed)
    assert not agree(original, document(1))
    assert not agree(original, [*original[:60], *document(2, 140)])  # a sixth of the runs is shared


def test_case_makes_no_difference() -> None:
    assert agree(document(3), [word.upper() for word in document(3)])


@pytest.mark.parametrize("words", [1, 3, 5])
def test_short_texts_agree_when_they_are_equal_alone(words: int) -> None:
    text = document(4, words)
    assert agree(text, text)
    assert not agree(text, [*text[:-1], "lain"])


def test_the_chance_of_being_found_is_as_documented() -> None:
    settings = NearDuplicates(words=1, bands=4, rows=3)
    share, trials, found = 0.6, 300, 0
    for seed in range(trials):
        generator = random.Random(seed)
        chosen = generator.sample(WORDS, 160)
        one, other = chosen[:100], chosen[:75] + chosen[100:125]  # 75 of 125 words are shared
        first, second = settings.bands_of([" ".join(one), " ".join(other)])
        found += bool((first == second).any())
    expected = 1 - (1 - share**settings.rows) ** settings.bands
    assert abs(found / trials - expected) < 0.12


def test_values_are_the_same_everywhere() -> None:
    [bands] = NearDuplicates(bands=2).bands_of(["saya makan nasi goreng di warung dekat rumah"])
    assert bands.dtype == np.uint64
    assert (
        bands.tolist() == NearDuplicates(bands=2).bands_of(["Saya makan nasi goreng di warung dekat rumah"])[0].tolist()
    )


HASHES = st.integers(0, 12) | st.sampled_from([2**63, 2**64 - 1])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.lists(HASHES, max_size=9), max_size=12))
def test_agrees_with_a_set(batches: list[list[int]]) -> None:
    seen, known = SeenHashes(), set()
    for batch in batches:
        expected = []
        for value in batch:
            expected.append(value not in known)
            known.add(value)
        assert seen.add(np.array(batch, dtype=np.uint64)).tolist() == expected


def test_few_arrays_hold_many_batches() -> None:
    seen = SeenHashes()
    values = np.random.default_rng(0).integers(0, 2**63, size=(500, 20)).astype(np.uint64)
    assert all(seen.add(batch).all() for batch in values)
    assert not any(seen.add(batch).any() for batch in values)
    assert len(seen._sorted) < 20
