from __future__ import annotations

from collections.abc import Callable
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.synthetic.languages import CLOSE, EQUALS, LANGUAGES, MINUS, OPEN, PLUS, TIMES, UNKNOWN

WRITTEN = {PLUS: "+", MINUS: "-", TIMES: "*", OPEN: "(", CLOSE: ")", EQUALS: "==", UNKNOWN: "x"}


def python(question: list[int]) -> str:
    return "".join(WRITTEN.get(symbol, str(symbol)) for symbol in question)


def solutions(question: list[int]) -> list[int]:
    left, right = python(question).split("==")
    return [x for x in range(5) if eval(left, {"x": x}) % 5 == int(right)]


def stack(question: list[int]) -> list[int]:
    """By rewriting: a push and the pop after it are nothing."""
    text = "".join("ab.-"[{0: 0, 1: 1, 3: 2, 2: 3}[symbol]] for symbol in question)
    content, _, actions = text.partition(".")
    rest = content + actions
    while (shorter := rest.replace("a-", "").replace("b-", "")) != rest:
        rest = shorter
    return ["ab".index(letter) for letter in reversed(rest.lstrip("-"))] + [3]


def walk(question: list[int]) -> list[int]:
    place = 0
    for step in question:
        place = {0: place, 1: (place + 1) % 5, 2: (place + 4) % 5}[step]
    return [3 + place]


def hidden(question: list[int]) -> list[int]:
    half = len(question) // 2
    (place,) = [index for index in range(half) if question[half + index] == 2]
    return [question[place]]


def most(question: list[int]) -> tuple[int, int]:
    best = max(range(20), key=lambda symbol: (question.count(symbol), -symbol))
    return best, question.count(best)


REFERENCES: dict[str, Callable[[list[int]], list[int]]] = {
    "parity": lambda q: [len([bit for bit in q if bit]) & 1],
    "even_pairs": lambda q: [(len(list(groupby(q))) - 1) % 2],
    "cycle_navigation": walk,
    "modular_arithmetic": lambda q: [eval(python(q)) % 5],
    "modular_arithmetic_brackets": lambda q: [eval(python(q)) % 5],
    "solve_equation": solutions,
    "stack_manipulation": stack,
    "reverse_string": lambda q: list(reversed(q)),
    "bucket_sort": lambda q: [value for value in range(5) for _ in range(q.count(value))],
    "missing_duplicate": hidden,
    "odds_first": lambda q: [q[i] for i in range(0, len(q), 2)] + [q[i] for i in range(1, len(q), 2)],
    "repetition": lambda q: q,
    "set": lambda q: sorted(set(q), key=q.index) + [8],
    "majority": lambda q: [most(q)[0]],
    "majority_count": lambda q: [min(19, most(q)[1])],
}


def test_there_are_the_papers_fifteen() -> None:
    assert set(REFERENCES) == set(LANGUAGES) and len(LANGUAGES) == 15


@pytest.mark.parametrize("name", sorted(LANGUAGES))
@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), length=st.integers(3, 70))
def test_answers_are_those_of_a_slow_reference(name: str, seed: int, length: int) -> None:
    language = LANGUAGES[name]
    question, answer = language.sample(np.random.default_rng(seed), length)
    assert answer == REFERENCES[name](question)
    assert length - 1 <= len(question) <= length or name == "missing_duplicate" and len(question) <= length
    assert all(0 <= symbol < language.symbols for symbol in [*question, *answer])


@pytest.mark.parametrize("name", sorted(LANGUAGES))
def test_questions_of_one_length_are_equally_long_and_all_answers_occur(name: str) -> None:
    rng = np.random.default_rng(0)
    for length in (3, 8, 21):
        assert len({len(LANGUAGES[name].sample(rng, length)[0]) for _ in range(50)}) == 1
    seen = {symbol for _ in range(600) for symbol in LANGUAGES[name].sample(rng, 60)[1]}
    assert len(seen) <= LANGUAGES[name].answers
    if name != "majority_count":  # counts below 4 do not occur in sixty of twenty symbols
        assert len(seen) == LANGUAGES[name].answers
