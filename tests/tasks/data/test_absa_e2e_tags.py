from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from elmo_xlstm.modules import TagScheme
from elmo_xlstm.tasks.data.absa_e2e import LABELS, POLARITIES, Triplet, tag_aspects

LENGTH = 7
SPANS = st.integers(0, LENGTH - 1).flatmap(
    lambda first: st.integers(first, LENGTH - 1).map(lambda last: tuple(range(first, last + 1)))
)
TRIPLETS = st.lists(st.builds(Triplet, st.just((-1,)) | SPANS, st.sampled_from(POLARITIES)), max_size=8)


def tags(*triplets: tuple[tuple[int, ...], str], length: int = 5) -> str:
    found, _ = tag_aspects(length, [Triplet(*triplet) for triplet in triplets])
    return " ".join(found)


def test_labels_fit_the_scheme() -> None:
    assert len(TagScheme(LABELS, "bioes")) == 13


def test_spans_of_each_length() -> None:
    assert tags(((1,), "POS")) == "O S-POS O O O"
    assert tags(((0, 1), "NEG"), ((2, 3, 4), "NEU")) == "B-NEG E-NEG B-NEU I-NEU E-NEU"


def test_neighbours_stay_apart() -> None:
    assert tags(((0,), "POS"), ((1,), "POS"), ((2, 3), "POS")) == "S-POS S-POS B-POS E-POS O"


def test_implicit_aspects_leave_no_tag() -> None:
    found, counts = tag_aspects(2, [Triplet((-1,), "POS"), Triplet((-1,), "NEG")])
    assert found == ("O", "O")
    assert counts == Counter(triplets=2, implicit=2)


def test_several_opinions_on_an_aspect_are_one_span() -> None:
    found, counts = tag_aspects(2, [Triplet((1,), "POS"), Triplet((1,), "POS")])
    assert found == ("O", "S-POS")
    assert counts == Counter(triplets=2, spans=1)


def test_of_several_polarities_the_most_frequent_counts_then_the_first() -> None:
    assert tags(((0,), "NEG"), ((0,), "POS"), ((0,), "POS")) == "S-POS O O O O"
    assert tags(((0,), "NEU"), ((0,), "POS"), ((0,), "NEG")) == "S-NEU O O O O"
    assert tag_aspects(1, [Triplet((0,), "NEG"), Triplet((0,), "POS")])[1]["several_polarities"] == 1


def test_of_overlapping_spans_the_longest_stays_then_the_first() -> None:
    assert tags(((1,), "NEG"), ((1, 2), "POS")) == "O B-POS E-POS O O"
    assert tags(((1, 2), "NEG"), ((0, 1), "POS")) == "B-POS E-POS O O O"
    _, counts = tag_aspects(5, [Triplet((1,), "NEG"), Triplet((1, 2), "POS"), Triplet((3,), "POS")])
    assert (counts["spans"], counts["overlapping"]) == (2, 1)


def test_words_apart_are_spans_of_their_own() -> None:
    found, counts = tag_aspects(5, [Triplet((3, 0, 4), "NEG")])
    assert " ".join(found) == "S-NEG O O B-NEG E-NEG"
    assert (counts["split"], counts["spans"]) == (1, 2)


@settings(deadline=None, max_examples=150)
@given(TRIPLETS)
def test_tags_are_spans_of_the_triplets(triplets) -> None:
    found, counts = tag_aspects(LENGTH, triplets)
    assert TagScheme(LABELS, "bioes").encode(found)  # permitted
    spans = {(kind, first, last) for kind, first, last in get_entities(list(found))}
    given_spans = {(t.polarity, t.aspect[0], t.aspect[-1]) for t in triplets if t.aspect != (-1,)}
    assert spans <= given_spans
    assert len(spans) == counts["spans"]
    assert counts["spans"] + counts["overlapping"] == len({span[1:] for span in given_spans})
    touched = {index for t in triplets if t.aspect != (-1,) for index in t.aspect}
    assert {index for index, tag in enumerate(found) if tag != "O"} <= touched
