from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.errors import UserError
from elmo_xlstm.modules.vocabulary import Vocabulary


def test_frequency_order_and_cut() -> None:
    tokens = "b a a c c c d b Ä".split()
    assert Vocabulary.count(tokens).tokens == ("c", "a", "b", "d", "Ä")
    vocabulary = Vocabulary.count(tokens, min_count=2)
    assert vocabulary.tokens == ("c", "a", "b") and len(vocabulary) == 5
    assert vocabulary.encode(["a", "d", "c", "zz"]) == [3, 1, 2, 1]
    assert "a" in vocabulary and "d" not in vocabulary


def test_more_tokens_join_at_the_end_once() -> None:
    assert Vocabulary.count(["a", "b", "b"], more=["c", "a", "c"]).tokens == ("b", "a", "c")


def test_lower_casing() -> None:
    vocabulary = Vocabulary.count(["Di", "di", "KE", "Ke"], min_count=2, lower_case=True, more=["Dari"])
    assert vocabulary.tokens == ("di", "ke", "dari")
    assert vocabulary.encode(["DI", "dari", "X"]) == [2, 4, 1] and "kE" in vocabulary
    with pytest.raises(ValueError, match="lower-case"):
        Vocabulary(["A"], lower_case=True)


def test_text_that_looks_like_a_special_token_is_ordinary() -> None:
    assert Vocabulary.count(["<unk>", "<pad>", "<pad>"]).encode(["<pad>", "<unk>"]) == [2, 3]


def test_repeated_tokens_are_refused() -> None:
    with pytest.raises(ValueError, match="distinct"):
        Vocabulary(["a", "a"])


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=5), unique=True, max_size=8))
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, tokens: list[str]) -> None:
    path = tmp_path_factory.mktemp("vocabulary") / "words.jsonl"
    vocabulary = Vocabulary(tokens)
    vocabulary.save(path)
    assert Vocabulary.load(path) == vocabulary
    assert path.read_bytes().count(b"\n") == len(tokens) + 1


def test_casing_is_kept_on_disk(tmp_path: Path) -> None:
    Vocabulary(["a"], lower_case=True).save(tmp_path / "v")
    assert Vocabulary.load(tmp_path / "v").lower_case
    assert Vocabulary.load(tmp_path / "v") != Vocabulary(["a"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines[:-1], "v:1: expected lower_case and the number"),
        (lambda lines: lines[1:], "v:1: expected lower_case"),
        (lambda lines: [], "found nothing"),
        (lambda lines: [lines[0], '"a', lines[2]], "v:2: expected one JSON value"),
        (lambda lines: [lines[0], lines[1], "7"], "v:3: expected a token"),
        (lambda lines: [lines[0], lines[1], lines[1]], "distinct"),
    ],
)
def test_damaged_files_are_refused(tmp_path: Path, change, message: str) -> None:
    path = tmp_path / "v"
    Vocabulary(["a", "b"]).save(path)
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(UserError, match=message):
        Vocabulary.load(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such vocabulary"):
        Vocabulary.load(tmp_path / "v")
