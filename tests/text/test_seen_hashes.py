from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.text.seen_hashes import SeenHashes

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
