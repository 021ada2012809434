"""The fifteen formal languages of the xLSTM paper (Beck et al. 2024, figure 4 and appendix D.1.1).

Most are those of Delétang et al. 2023, in classes of the Chomsky hierarchy. A language asks a question of some length
and has one answer; both are lists of symbols, whose numbers count from 0. Ties and borders that the papers leave open
are settled where each language says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

MODULUS = 5
"""Of arithmetic, and the number of values of most languages, as Delétang et al. have it."""

Sampled = tuple[list[int], list[int]]
Sampler = Callable[[np.random.Generator, int], Sampled]


@dataclass(frozen=True)
class Language:
    """A formal language.

    Attributes:
        name: as an experiment names it.
        kind: its class: regular, context-free or context-sensitive, or "counting" for what is in none of these columns.
        symbols: number of symbols in questions and answers together.
        answers: number of symbols that an answer may have at one place; guessing is right once in so many.
        sample: draws a question of at most the length given, as near to it as the language allows, and its answer; the
            questions that are drawn for one length are all equally long.
    """

    name: str
    kind: str
    symbols: int
    answers: int
    sample: Sampler


LANGUAGES: dict[str, Language] = {}


def _language(kind: str, symbols: int, answers: int) -> Callable[[Sampler], Sampler]:
    def add(sample: Sampler) -> Sampler:
        name = sample.__name__
        LANGUAGES[name] = Language(name, kind, symbols, answers, sample)
        return sample

    return add


def _draw(rng: np.random.Generator, length: int, values: int) -> list[int]:
    drawn: list[int] = rng.integers(values, size=length).tolist()
    return drawn


# --- Regular ---------------------------------------------------------------------------------------------------------


@_language("regular", symbols=2, answers=2)
def parity(rng: np.random.Generator, length: int) -> Sampled:
    """Whether the number of ones is odd."""
    bits = _draw(rng, length, 2)
    return bits, [sum(bits) % 2]


@_language("regular", symbols=2, answers=2)
def even_pairs(rng: np.random.Generator, length: int) -> Sampled:
    """Whether the number of places where neighbours differ is odd: whether the last bit is not the first."""
    bits = _draw(rng, length, 2)
    return bits, [int(bits[0] != bits[-1])]


@_language("regular", symbols=3 + MODULUS, answers=MODULUS)
def cycle_navigation(rng: np.random.Generator, length: int) -> Sampled:
    """Where one stands on a ring of five after steps: 0 stays, 1 goes forward, 2 back. Places are symbols 3 to 7."""
    steps = _draw(rng, length, 3)
    return steps, [3 + sum((0, 1, -1)[step] for step in steps) % MODULUS]


PLUS, MINUS, TIMES, OPEN, CLOSE, EQUALS, UNKNOWN = range(MODULUS, MODULUS + 7)
OPERATORS = (PLUS, MINUS, TIMES)


@_language("regular", symbols=MODULUS + 3, answers=MODULUS)
def modular_arithmetic(rng: np.random.Generator, length: int) -> Sampled:
    """The value, modulo 5, of numbers with ``+ - *`` between them, products first. Lengths are odd."""
    numbers = _draw(rng, (length + 1) // 2, MODULUS)
    question = [numbers[0]]
    for number in numbers[1:]:
        question += [OPERATORS[rng.integers(3)], number]
    return question, [_value(question)]


# --- Context-free ----------------------------------------------------------------------------------------------------


@_language("context-free", symbols=4, answers=3)
def stack_manipulation(rng: np.random.Generator, length: int) -> Sampled:
    """A stack of bits, bottom first, and actions: a bit is pushed, 2 pops. What is left, top first, and a 3 as its end.

    As bits stand for themselves in the stack and as pushes, the first action is marked by a 3. Popping an empty stack
    does nothing.
    """
    size = int(rng.integers(1, max(2, length - 1)))
    stack = _draw(rng, min(size, length), 2)
    actions = [int(rng.integers(3)) for _ in range(length - len(stack) - 1)]
    question = [*stack, 3, *actions] if len(stack) < length else stack
    for action in actions:
        if action != 2:
            stack.append(action)
        elif stack:
            stack.pop()
    return question, [*reversed(stack), 3]


@_language("context-free", symbols=2, answers=2)
def reverse_string(rng: np.random.Generator, length: int) -> Sampled:
    """The string from its end to its beginning."""
    string = _draw(rng, length, 2)
    return string, string[::-1]


@_language("context-free", symbols=MODULUS + 5, answers=MODULUS)
def modular_arithmetic_brackets(rng: np.random.Generator, length: int) -> Sampled:
    """The value, modulo 5, of an expression in brackets with ``+ - *`` and signs."""
    question, value = _expression(rng, length)
    return question, [value]


@_language("context-free", symbols=MODULUS + 7, answers=MODULUS)
def solve_equation(rng: np.random.Generator, length: int) -> Sampled:
    """The number that an ``x`` stands for in an expression in brackets that equals a value, modulo 5.

    Drawn until one number alone solves it; the shortest is ``x = value``.
    """
    while True:
        expression, value = _expression(rng, max(1, length - 2))
        places = [place for place, symbol in enumerate(expression) if symbol < MODULUS]
        place = int(rng.choice(places))
        solutions = [
            number
            for number in range(MODULUS)
            if _value([*expression[:place], number, *expression[place + 1 :]]) == value
        ]
        if len(solutions) == 1:
            expression[place] = UNKNOWN
            return [*expression, EQUALS, value], solutions


def _expression(rng: np.random.Generator, length: int) -> tuple[list[int], int]:
    """An expression of exactly ``length`` symbols, and its value modulo 5 (Delétang et al. 2023, appendix A)."""
    if length < 5:
        number = int(rng.integers(MODULUS))
        signed = {1: [number], 2: [MINUS, number], 3: [OPEN, number, CLOSE], 4: [OPEN, MINUS, number, CLOSE]}[length]
        return signed, -number % MODULUS if MINUS in signed else number
    first = int(rng.integers(1, length - 3))
    left, left_value = _expression(rng, first)
    right, right_value = _expression(rng, length - 3 - first)
    operator = OPERATORS[rng.integers(3)]
    return [OPEN, *left, operator, *right, CLOSE], _apply(operator, left_value, right_value)


def _apply(operator: int, left: int, right: int) -> int:
    return {PLUS: left + right, MINUS: left - right, TIMES: left * right}[operator] % MODULUS


def _value(symbols: list[int]) -> int:
    """The value of an expression modulo 5: signs bind most, then products, then sums from the left."""
    place = 0

    def factor() -> int:
        nonlocal place
        symbol = symbols[place]
        place += 1
        if symbol == MINUS:
            return -factor() % MODULUS
        if symbol == OPEN:
            inner = sum_of_terms()
            place += 1  # the closing bracket
            return inner
        return symbol

    def term() -> int:
        nonlocal place
        found = factor()
        while place < len(symbols) and symbols[place] == TIMES:
            place += 1
            found = found * factor() % MODULUS
        return found

    def sum_of_terms() -> int:
        nonlocal place
        found = term()
        while place < len(symbols) and symbols[place] in (PLUS, MINUS):
            operator = symbols[place]
            place += 1
            found = _apply(operator, found, term())
        return found

    return sum_of_terms()


# --- Context-sensitive -----------------------------------------------------------------------------------------------


@_language("context-sensitive", symbols=MODULUS, answers=MODULUS)
def bucket_sort(rng: np.random.Generator, length: int) -> Sampled:
    """The string in order."""
    string = _draw(rng, length, MODULUS)
    return string, sorted(string)


@_language("context-sensitive", symbols=3, answers=2)
def missing_duplicate(rng: np.random.Generator, length: int) -> Sampled:
    """A string twice, one place of the second hidden by a 2: what is hidden. Lengths are even."""
    string = _draw(rng, max(1, length // 2), 2)
    hidden = int(rng.integers(len(string)))
    return [*string, *string[:hidden], 2, *string[hidden + 1 :]], [string[hidden]]


@_language("context-sensitive", symbols=2, answers=2)
def odds_first(rng: np.random.Generator, length: int) -> Sampled:
    """The first, third, fifth ... symbol, then the second, fourth ..."""
    string = _draw(rng, length, 2)
    return string, string[::2] + string[1::2]


@_language("context-sensitive", symbols=2, answers=2)
def repetition(rng: np.random.Generator, length: int) -> Sampled:
    """The string again."""
    string = _draw(rng, length, 2)
    return string, list(string)


@_language("context-sensitive", symbols=9, answers=9)
def set_of_symbols(rng: np.random.Generator, length: int) -> Sampled:
    """Each of eight symbols that occurs, once, in the order of first occurrence; ends with 8. Named ``set``."""
    string = _draw(rng, length, 8)
    return string, [*dict.fromkeys(string), 8]


LANGUAGES["set"] = Language("set", "context-sensitive", 9, 9, LANGUAGES.pop("set_of_symbols").sample)


# --- Counting --------------------------------------------------------------------------------------------------------

COUNTED = 20
"""Symbols of the two languages that count."""


@_language("counting", symbols=COUNTED, answers=COUNTED)
def majority(rng: np.random.Generator, length: int) -> Sampled:
    """The symbol that occurs most often, of several the lowest. One symbol is drawn more often than the others."""
    string = _with_favourite(rng, length)
    counts = Counter(string)
    return string, [min(counts, key=lambda symbol: (-counts[symbol], symbol))]


@_language("counting", symbols=COUNTED, answers=COUNTED)
def majority_count(rng: np.random.Generator, length: int) -> Sampled:
    """How often the most frequent symbol occurs, at most 19."""
    string = _with_favourite(rng, length)
    return string, [min(COUNTED - 1, max(Counter(string).values()))]


def _with_favourite(rng: np.random.Generator, length: int) -> list[int]:
    string = rng.integers(COUNTED, size=length)
    chosen = rng.random(length) < rng.uniform(0, 0.5)
    drawn: list[int] = np.where(chosen, rng.integers(COUNTED), string).tolist()
    return drawn
