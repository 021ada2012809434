from __future__ import annotations

import logging

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from elmo_xlstm.embedding import ElmoEmbedder, precision
from elmo_xlstm.embedding.precision import bfloat16_projection, int8_projection, quantize_rows
from elmo_xlstm.errors import UserError

SENTENCES = [["Siti", "tiba", "di", "Surabaya", "pada", "pagi", "hari", "."], ["Budi"], [], ["di"] * 30]
# What rounding may change in a sentence's vectors, as a fraction; of so narrow a model more than of a real one.
ERRORS = {"bf16": 0.05, "int8": 0.1}


@pytest.fixture(params=ERRORS)
def kind(request) -> str:
    return request.param


def load(model_directory, **options) -> ElmoEmbedder:
    return ElmoEmbedder.from_pretrained(model_directory, device="cpu", **options)


def relative_error(found: np.ndarray, expected: np.ndarray) -> float:
    """Over all words and layers."""
    return float(np.linalg.norm(found - expected) / max(1e-9, float(np.linalg.norm(expected))))


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(1, 20), width=st.integers(1, 40), seed=st.integers(0, 1000), size=st.integers(-20, 20))
def test_rows_are_rounded_by_a_scale_of_their_own(rows, width, seed, size) -> None:
    values = torch.randn(rows, width, generator=torch.Generator().manual_seed(seed)) * 10.0**size
    quantized, scale = quantize_rows(values)
    assert quantized.dtype == torch.int8 and (quantized.abs().amax(dim=1) == 127).all()
    assert ((quantized * scale - values).abs() <= 0.501 * scale).all()
    torch.testing.assert_close(scale.squeeze(1), values.abs().amax(dim=1) / 127)
    alone = quantize_rows(values[-1:])
    assert torch.equal(alone[0], quantized[-1:]) and torch.equal(alone[1], scale[-1:])


def test_a_row_of_zeros() -> None:
    quantized, scale = quantize_rows(torch.zeros(2, 3))
    assert (quantized == 0).all() and torch.isfinite(scale).all() and (scale > 0).all()


@pytest.mark.parametrize(("module", "error"), [(bfloat16_projection, 0.005), (int8_projection, 0.012)])
@pytest.mark.parametrize("shape", [(5, 64), (2, 3, 64), (1, 64)])
def test_projections_against_fp32(module, error, shape) -> None:
    generator = torch.Generator().manual_seed(0)
    weight, inputs = torch.randn(48, 64, generator=generator), torch.randn(shape, generator=generator)
    output, expected = module(weight)(inputs), nn.functional.linear(inputs, weight)
    assert output.shape == expected.shape
    assert 0 < (output - expected).norm() / expected.norm() < error


def test_int8_sums_are_exact() -> None:
    weight = torch.randint(-127, 128, (8, 16)).float()
    weight[:, 0] = 127.0
    inputs = torch.randint(-127, 128, (4, 16)).float()
    inputs[:, 0] = 127.0  # the scales are one
    assert torch.equal(int8_projection(weight)(inputs), inputs @ weight.T)


def test_vectors_against_fp32(model_directory, embedder, kind) -> None:
    converted = load(model_directory, precision=kind)
    for found, expected in zip(converted(SENTENCES), embedder(SENTENCES), strict=True):
        assert found.shape == expected.shape and found.dtype == np.float32
        np.testing.assert_array_equal(found[:, 0], expected[:, 0])  # the token layer
        assert relative_error(found, expected) < ERRORS[kind]
        if len(found):
            assert np.abs(found - expected).max() > 1e-4


def test_company_does_not_matter(model_directory, kind, monkeypatch) -> None:
    embedder = load(model_directory, precision=kind)
    together = embedder(SENTENCES)
    for sentence, vectors in zip(SENTENCES, together, strict=True):
        assert relative_error(embedder([sentence])[0], vectors) < ERRORS[kind] / 2


def test_int8_is_for_cpus(model_directory, embedder) -> None:
    message = "int8 is for CPUs, but the model is on meta; choose bf16 or fp32"
    with pytest.raises(UserError, match=message):
        ElmoEmbedder.from_pretrained(model_directory, device="meta", precision="int8")
    moved = load(model_directory, precision="int8").to("meta")
    with pytest.raises(UserError, match=message):
        moved([["Siti"]])


def test_a_processor_without_the_instructions_is_named(model_directory, kind, monkeypatch, caplog) -> None:
    monkeypatch.setattr(precision, "INSTRUCTIONS", {kind: frozenset({"no such flag"})})
    with caplog.at_level(logging.WARNING, logger="elmo_xlstm"):
        load(model_directory)
        assert not caplog.records
        load(model_directory, precision=kind)
    assert f"precision {kind}: this processor has no instructions" in caplog.text
