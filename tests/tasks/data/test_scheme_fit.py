from __future__ import annotations

import pytest

from elmo_xlstm.config import Settings
from elmo_xlstm.tasks.data.examples import Splits, TaggedSentence
from elmo_xlstm.tasks.data.readers.problems import DataError
from elmo_xlstm.tasks.data.scheme_fit import complete_labels, fit_scheme
from elmo_xlstm.tasks.data.user_data.tagged import ConllFiles

LABELS = ("O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "E-LOC")
GOOD = ("O S-PER", "B-PER I-PER E-PER S-PER", "B-LOC E-LOC O")
BROKEN = {
    "I-PER O": "tag 'I-PER' cannot begin a sentence",
    "O B-PER O": "tag 'O' of word 3 cannot follow 'B-PER'",
    "B-PER E-LOC": "tag 'E-LOC' of word 2 cannot follow 'B-PER'",
    "O B-PER": "tag 'B-PER' of word 2 cannot end a sentence",
}


def files(**values) -> ConllFiles:
    return ConllFiles(train="train.conll", valid="valid.conll", test="test.conll", **values)


def splits(*tags: str, labels: tuple[str, ...] = LABELS, skipped: dict[str, int] | None = None) -> Splits:
    sentences = tuple(
        TaggedSentence(tuple("x" for _ in row.split()), tuple(row.split()), f"train.conll:{line}")
        for line, row in enumerate(tags, start=1)
    )
    return Splits(sentences, sentences, sentences, labels, skipped=skipped or {})


def test_what_fits_is_left_as_it_is() -> None:
    given = splits(*GOOD)
    assert fit_scheme(given, "bioes", files()) == given
    for scheme in ("bio", "none"):
        assert fit_scheme(splits(*BROKEN, labels=("O", "B-PER")), scheme, files(labels=["O"])).train


def test_each_broken_sentence_is_named() -> None:
    with pytest.raises(DataError) as caught:
        fit_scheme(splits(*BROKEN, *GOOD), "bioes", files())
    expected = [f"train.conll:{n}: {reason} in scheme 'bioes'" for n, reason in enumerate(BROKEN.values(), start=1)]
    assert caught.value.problems == expected
    assert str(caught.value).startswith("train.conll: 4 problems\n")
    assert str(caught.value).endswith("or set on_bad_row: 'skip' to leave the sentences out.")


def test_broken_sentences_are_skipped_and_counted_where_that_is_asked(caplog) -> None:
    skipping = files(on_bad_row="skip")
    fitted = fit_scheme(splits(*BROKEN, *GOOD, skipped={"train.conll": 2}), "bioes", skipping)
    assert [" ".join(s.tags or ()) for s in fitted.train] == list(GOOD)
    assert len(fitted.valid) == len(fitted.test) == 7 and fitted.skipped == {"train.conll": 6}
    assert "train.conll:1: tag 'I-PER' cannot begin" in caplog.text and "4 skipped" in caplog.text
    with pytest.raises(DataError, match="train.conll: holds no sentence that can be used"):
        fit_scheme(splits(*BROKEN), "bioes", skipping)


def test_data_without_such_a_setting_are_not_told_to_set_it() -> None:
    with pytest.raises(DataError, match=r"training data: 1 problem\n.*\n.*task\.head\.scheme\.$"):
        fit_scheme(splits("I-PER O"), "bioes", Settings())


def test_labels_that_need_a_beginning_get_one() -> None:
    declared = ("O", "I-PER", "I-LOC", "B-LOC", "E-ORG")
    assert complete_labels(declared, "bio") == ("O", "B-PER", "I-PER", "I-LOC", "B-LOC", "E-ORG")
    assert complete_labels(("O", "I-A", "E-A"), "bioes") == ("O", "B-A", "I-A", "E-A")
    assert complete_labels(declared, "none") == declared
    assert complete_labels(("O", "I"), "bio") == ("O", "B", "I")
    assert fit_scheme(splits("O", labels=("O", "I-A")), "bio", files()).labels == ("O", "B-A", "I-A")
    assert fit_scheme(splits("O", labels=("O", "I-A")), "bio", files(labels=["O", "I-A"])).labels == ("O", "I-A")
