from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from elmo_xlstm.runtime.spans import find_spans

TAGS = ["O", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in ("PER", "LOC")), *"BIES"]


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.sampled_from(TAGS), max_size=12))
def test_spans_of_any_tags_are_those_of_seqeval(tags: list[str]) -> None:
    assert find_spans(tags) == [(kind, first, last + 1) for kind, first, last in get_entities(tags)]
