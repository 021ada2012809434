import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from elmo_xlstm.errors import UserError
from elmo_xlstm.modules.tag_scheme import TagScheme, repair_bio

BIO = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
BIOES = ["O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "E-LOC"]


def allowed(scheme: TagScheme) -> set[tuple[str, str]]:
    pairs = itertools.product(range(len(scheme)), repeat=2)
    return {(scheme.labels[i], scheme.labels[j]) for i, j in pairs if scheme.transitions[i, j]}


def test_bio() -> None:
    scheme = TagScheme(BIO, "bio")
    forbidden = set(itertools.product(BIO, repeat=2)) - allowed(scheme)
    into_person = {("O", "I-PER"), ("B-LOC", "I-PER"), ("I-LOC", "I-PER")}
    into_place = {("O", "I-LOC"), ("B-PER", "I-LOC"), ("I-PER", "I-LOC")}
    assert forbidden == into_person | into_place
    assert scheme.starts.tolist() == [True, True, False, True, False]
    assert scheme.ends.all()


def test_untyped_bio_and_dashes_in_types() -> None:
    assert ("B", "I") in allowed(TagScheme(["O", "B", "I"], "bio"))
    assert ("B-A-B", "I-A-B") in allowed(TagScheme(["O", "B-A-B", "I-A-B", "B-A"], "bio"))
    assert ("B-A", "I-A-B") not in allowed(TagScheme(["O", "B-A-B", "I-A-B", "B-A"], "bio"))


def test_bioes() -> None:
    scheme = TagScheme(BIOES, "bioes")
    fresh = {"O", "B-PER", "S-PER", "B-LOC"}
    expected = set(itertools.product(["O", "E-PER", "S-PER", "E-LOC"], fresh))
    expected |= set(itertools.product(["B-PER", "I-PER"], ["I-PER", "E-PER"])) | {("B-LOC", "E-LOC")}
    assert allowed(scheme) == expected
    assert {label for label, start in zip(BIOES, scheme.starts, strict=True) if start} == fresh
    assert {label for label, end in zip(BIOES, scheme.ends, strict=True) if end} == {"O", "E-PER", "S-PER", "E-LOC"}


def test_plain_tags_are_free() -> None:
    scheme = TagScheme(["NOUN", "VERB", "I-X"], "none")
    assert scheme.transitions.all() and scheme.starts.all() and scheme.ends.all()


@pytest.mark.parametrize(
    ("labels", "name", "message"),
    [
        ([], "bio", "empty"),
        (["O", "B-X", "O"], "bio", "repeats O"),
        (["NOUN", "VERB"], "bio", "'NOUN' does not fit .* choose scheme 'none'"),
        (["0", "1"], "bio", r"'0' does not fit .* give numbers their names \(label_names: .* choose scheme 'none'"),
        (["O", "-100"], "bioes", "'-100' does not fit .* give numbers their names"),
        (["O", "S-X"], "bio", "'S-X' does not fit"),
        (["O", "B-"], "bio", "'B-' does not fit"),
        (["O", "I-X"], "bio", "'I-X' can never be used"),
        (["B-X", "E-X"], "bioes", "lone word"),
    ],
)
def test_label_lists_that_cannot_be_meant_are_refused(labels: list[str], name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        TagScheme(labels, name)  # type: ignore[arg-type]


def test_encoding_and_decoding() -> None:
    scheme = TagScheme(BIO, "bio")
    tags = ["B-PER", "I-PER", "O", "B-LOC"]
    assert scheme.encode(tags) == [1, 2, 0, 3]
    assert scheme.decode([1, 2, 0, 3]) == tags
    assert scheme.encode([]) == []
    with pytest.raises(UserError, match="'B-ORG' is not among"):
        scheme.encode(["O", "B-ORG"])
    for broken in (["I-PER"], ["O", "I-PER"], ["B-LOC", "I-PER"]):
        with pytest.raises(UserError, match="break scheme 'bio'"):
            scheme.encode(broken)
    with pytest.raises(UserError, match="break scheme 'bioes'"):
        TagScheme(BIOES, "bioes").encode(["O", "B-PER"])


def test_repair() -> None:
    tags = ["I-PER", "I-PER", "O", "I-LOC", "B-PER", "I-LOC", "I-LOC", "B-LOC", "I-LOC"]
    repaired, count = repair_bio(tags)
    assert repaired == ["B-PER", "I-PER", "O", "B-LOC", "B-PER", "B-LOC", "I-LOC", "B-LOC", "I-LOC"]
    assert count == 3
    assert repair_bio(["I", "I", "O", "I"]) == (["B", "I", "O", "B"], 2)
    assert tags[0] == "I-PER"


@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from(BIO), min_size=1, max_size=12))
def test_repaired_tags_are_permitted_and_mean_the_same_spans(tags: list[str]) -> None:
    scheme = TagScheme(BIO, "bio")
    repaired, count = repair_bio(tags)
    assert scheme.permits([BIO.index(tag) for tag in repaired])
    assert (count == 0) == scheme.permits([BIO.index(tag) for tag in tags])
    assert repair_bio(repaired) == (repaired, 0)
    assert get_entities(tags) == get_entities(repaired)
