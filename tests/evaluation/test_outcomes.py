from __future__ import annotations

import base64
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from pydantic import ValidationError

from elmo_xlstm.evaluation import outcomes as module
from elmo_xlstm.evaluation.outcomes import HEADER, Outcomes, decode_outcomes, encode_outcomes

COUNTS = np.arange(12).reshape(4, 3)


def raw(version=1, width=1, examples=4, columns=3, packed=None):
    """Outcomes with any header."""
    packed = zlib.compress(bytes(12)) if packed is None else packed
    data = base64.b64encode(HEADER.pack(version, width, examples, columns) + packed)
    return Outcomes(kind="spans", data=data.decode())


@settings(max_examples=50, deadline=None)
@given(
    arrays.arrays(
        np.int64,
        arrays.array_shapes(min_dims=2, max_dims=2, max_side=9),
        elements=st.sampled_from([0, 1, 255, 256, 65535, 65536, 2**32 - 1]),
    )
)
def test_decoding_undoes_encoding(counts):
    outcomes = encode_outcomes("labels", counts)
    assert outcomes.kind == "labels"
    assert np.array_equal(decode_outcomes(Outcomes.model_validate_json(outcomes.model_dump_json())), counts)


def test_a_test_set_of_named_entities_takes_few_kilobytes():
    random = np.random.default_rng(0)
    gold = random.poisson(0.42, (840, 5))
    right = random.binomial(gold, 0.8)
    counts = np.stack([right, right + random.binomial(1, 0.08, gold.shape), gold], axis=1).reshape(840, 15)
    assert len(encode_outcomes("spans", counts).data) < 4000


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        (np.zeros(3, dtype=int), "shape"),
        (np.zeros((0, 3), dtype=int), "shape"),
        (np.array([[-1]]), "whole numbers"),
        (np.array([[0.5]]), "whole numbers"),
        (np.array([[2**32]]), "whole numbers"),
    ],
)
def test_what_are_no_counts_is_refused(counts, message):
    with pytest.raises(ValueError, match=message):
        encode_outcomes("spans", counts)


def test_more_than_can_be_unpacked_is_not_packed(monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 11)
    with pytest.raises(ValueError, match="12 counts of 1 bytes are more"):
        encode_outcomes("spans", COUNTS)


@pytest.mark.parametrize(
    ("outcomes", "message"),
    [
        (Outcomes(kind="spans", data="no base64!"), "no base64"),
        (Outcomes(kind="spans", data="é"), "no base64"),
        (Outcomes(kind="spans", data="AAAA"), "cut short"),
        (raw(version=2), "version 2"),
        (raw(width=3), "damaged"),
        (raw(examples=0), "damaged"),
        (raw(examples=5), "not the 15 bytes"),
        (raw(examples=3), "not the 9 bytes"),
        (raw(packed=b"nonsense"), "damaged"),
        (raw(packed=zlib.compress(bytes(12))[:-1]), "not the 12 bytes"),
        (raw(packed=zlib.compress(bytes(12)) + b"more"), "not the 12 bytes"),
        (raw(examples=2**32 - 1, columns=2**32 - 1), "more than the 16777216"),
    ],
)
def test_damaged_outcomes_are_told_so(outcomes, message):
    with pytest.raises(ValueError, match=message):
        decode_outcomes(outcomes)


def test_a_decompression_bomb_is_not_unpacked(monkeypatch):
    unpacked = []
    real = zlib.decompressobj

    class Watched:
        def __init__(self):
            self.inner = real()

        def decompress(self, data, limit):
            unpacked.append(self.inner.decompress(data, limit))
            return unpacked[-1]

        def __getattr__(self, name):
            return getattr(self.inner, name)

    monkeypatch.setattr(zlib, "decompressobj", Watched)
    with pytest.raises(ValueError, match="not the 12 bytes"):
        decode_outcomes(raw(packed=zlib.compress(bytes(10_000_000))))
    assert sum(map(len, unpacked)) == 13


def test_only_known_kinds_are_kept():
    with pytest.raises(ValidationError, match="kind"):
        Outcomes(kind="words", data="")
