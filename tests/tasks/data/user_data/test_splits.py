from __future__ import annotations

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import LabelledText, Splits, TaggedSentence
from elmo_xlstm.tasks.data.user_data.files import checksums
from elmo_xlstm.tasks.data.user_data.splits import draw_fold, draw_splits, warn_of_shared_examples


def text(words: str, label: str = "x", origin: str = "here:1") -> LabelledText:
    return LabelledText.of_texts([words], [label], origin)


@given(st.integers(0, 2**31), st.integers(3, 60), st.randoms())
@settings(max_examples=40, deadline=None)
def test_drawing_does_not_depend_on_order_and_loses_nothing(seed, count, random) -> None:
    examples = [text(f"kata {n}") for n in range(count)]
    drawn = draw_splits(examples, 0.2, 0.1, seed)
    assert sorted(e.texts for part in drawn.values() for e in part) == sorted(e.texts for e in examples)
    assert len(drawn["valid"]) == max(1, round(0.2 * count)) and len(drawn["test"]) == max(1, round(0.1 * count))
    assert list(drawn["train"]) == [example for example in examples if example in drawn["train"]]
    shuffled = list(examples)
    random.shuffle(shuffled)
    again = draw_splits(shuffled, 0.2, 0.1, seed)
    assert {name: set(part) for name, part in again.items()} == {name: set(part) for name, part in drawn.items()}


def test_other_seeds_draw_others() -> None:
    examples = [text(f"kata {n}") for n in range(100)]
    drawn = [set(draw_splits(examples, None, 0.3, seed)["test"]) for seed in (0, 1)]
    assert drawn[0] != drawn[1] and len(drawn[0] & drawn[1]) < 20


def test_copies_stay_together() -> None:
    examples = [text(f"kata {n % 20}", label=str(n), origin=f"here:{n}") for n in range(60)]
    drawn = draw_splits(examples, 0.25, 0.25, 0)
    assert [len(drawn[name]) for name in ("train", "valid", "test")] == [30, 15, 15]
    words = [{example.words for example in part} for part in drawn.values()]
    assert not (words[0] & words[1] or words[0] & words[2] or words[1] & words[2])


def test_only_what_is_asked_for_is_drawn() -> None:
    examples = [TaggedSentence((f"w{n}",), ("O",), "x") for n in range(10)]
    assert set(draw_splits(examples, 0.1, None, 0)) == {"train", "valid"}
    assert set(draw_splits(examples, None, 0.1, 0)) == {"train", "test"}


@pytest.mark.parametrize("count", [1, 2])
def test_too_few_examples(count) -> None:
    with pytest.raises(UserError, match=f": {count} distinct examples are too few"):
        draw_splits([text(f"kata {n}") for n in range(count)], 0.1, 0.1, 0)


@given(st.integers(0, 2**31), st.integers(2, 6), st.integers(6, 40), st.randoms())
@settings(max_examples=40, deadline=None)
def test_folds_share_out_all_examples_whatever_their_order(seed, folds, count, random) -> None:
    examples = [text(f"kata {n}", label="ab"[n % 2]) for n in range(count)]
    drawn = [draw_fold(examples, folds, fold, seed) for fold in range(folds)]
    tested = [example for parts in drawn for example in parts["test"]]
    assert sorted(e.texts for e in tested) == sorted(e.texts for e in examples)
    sizes = [len(parts["test"]) for parts in drawn]
    assert max(sizes) - min(sizes) <= 1 and all(
        size + len(p["train"]) == count for size, p in zip(sizes, drawn, strict=True)
    )
    for label in "ab":
        shares = [sum(e.labels == (label,) for e in parts["test"]) for parts in drawn]
        assert max(shares) - min(shares) <= 1
    shuffled = list(examples)
    random.shuffle(shuffled)
    assert [set(draw_fold(shuffled, folds, n, seed)["test"]) for n in range(folds)] == [set(p["test"]) for p in drawn]


def test_folds_keep_copies_together_and_depend_on_the_seed() -> None:
    examples = [text(f"kata {n % 10}", label=str(n % 3)) for n in range(30)]
    words = [{e.words for e in draw_fold(examples, 5, fold, 0)["test"]} for fold in range(5)]
    assert sum(map(len, words)) == 10 and len(set().union(*words)) == 10
    sentences = [TaggedSentence((f"w{n}",), ("O",), "x") for n in range(40)]
    assert draw_fold(sentences, 4, 0, 0) != draw_fold(sentences, 4, 0, 1)
    with pytest.raises(UserError, match="10 distinct examples are too few for 11 folds"):
        draw_fold(examples, 11, 0, 0)


def test_shared_examples_are_counted(caplog) -> None:
    train = (text("satu dua", "x", "train:1"), text("tiga", "x", "train:2"))
    test = (text("satu  dua", "y", "test:1"), text("tiga", "x", "test:2"), text("empat", "x", "test:3"))
    warn_of_shared_examples(Splits(train, (text("lima"),), test, ("x", "y")))
    (message,) = (record.getMessage() for record in caplog.records)
    assert message.startswith(
        "2 of 3 test examples have the same words as one of train (first: test:1 = train:1), 1 of"
    )


def test_clean_splits_are_not_warned_of(caplog) -> None:
    warn_of_shared_examples(Splits((text("a"),), (text("b"),), (text("c"), text("d", "y")), ("x", "y")))
    assert not caplog.records


def test_masked_labels_are_warned_of(caplog) -> None:
    warn_of_shared_examples(Splits((text("a"),), (text("b"),), (text("c"), text("d")), ("x", "y")))
    assert "every label of the test data is 'x'; are the labels of this split masked?" in caplog.text


def test_checksums_by_name_or_path(tmp_path) -> None:
    paths = [tmp_path / name for name in ("a/data.csv", "b/data.csv", "c.csv")]
    for number, path in enumerate(paths):
        path.parent.mkdir(exist_ok=True)
        path.write_text(str(number))
    digests = [hashlib.sha256(str(n).encode()).hexdigest() for n in range(3)]
    assert checksums([*paths, None, paths[2]]) == dict(
        zip([str(paths[0]), str(paths[1]), "c.csv"], digests, strict=True)
    )
