from __future__ import annotations

import pytest

from elmo_xlstm.tasks.data.absa_e2e import Triplet, parse_line


def test_words_and_triplets() -> None:
    words, triplets = parse_line("kamar mandi bersih , murah .####[([0, 1], [2], 'POS'), ([-1], [4], 'NEG')]")
    assert words == ("kamar", "mandi", "bersih", ",", "murah", ".")
    assert triplets == (Triplet((0, 1), "POS"), Triplet((-1,), "NEG"))
    assert parse_line("nyaman .####[]") == (("nyaman", "."), ())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("kamar bersih .", "no '####'"),
        (" ####[]", "no words before '####'"),
        ("a####", "no Python list: ''"),
        ("a####[", "no Python list"),
        ("a####__import__('os').getcwd()", "no Python list"),
        ("a####[([0], [0], 'POS' if 1 else 'NEG')]", "no Python list"),
        ("a####([0], [0], 'POS')", "triplets are a list"),
        ("a####[([0], 'POS')]", r"a triplet is \(\[aspect"),
        ("a####[([0], [0], 'GOOD')]", "polarity \"'GOOD'\" is none of POS, NEG, NEU"),
        ("a####[([0], [0], ['POS'])]", "polarity .* is none of"),
        ("a####[([], [0], 'POS')]", "aspect words are a list of indices"),
        ("a####[([True], [0], 'POS')]", "aspect words are a list of indices"),
        ("a####[([0], [0.0], 'POS')]", "opinion words are a list of indices"),
        ("a b####[([0], [2], 'POS')]", r"opinion words '\[2\]' are not among the 2 words"),
        ("a b####[([-1, 0], [1], 'POS')]", r"aspect words '\[-1, 0\]' are not among the 2 words \(or -1 alone\)"),
        ("a b####[([-2], [1], 'POS')]", "aspect words"),
        ("a####" + "[" * 5000 + "]" * 5000, "nested too deeply|no Python list"),
        ("a####[" + "(" * 60_000, "at most 100000|nested too deeply|no Python list"),
        ("a####[" + " " * 100_000 + "]", "100002 characters; at most 100000"),
        ("a####[([" + "9" * 5000 + "], [0], 'POS')]", "no Python list"),
    ],
)
def test_bad_lines_say_what_is_wrong(line, reason) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_line(line)
    assert len(str(caught.value)) < 250
