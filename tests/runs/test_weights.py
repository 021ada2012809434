from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import SafetensorError

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.weights import open_sealed, require_finite, seal

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.tensor(True), "c": torch.zeros(0, 4), "d": torch.tensor([7])}


def test_a_sealed_file_is_read_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(seal(TENSORS, {"state": "é"}))
    tensors, metadata = open_sealed(tmp_path / "f")
    assert metadata == {"state": "é"} and tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


SEALED = seal(TENSORS, {"state": "x"})


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(SEALED) - 1), st.integers(0, 7))
def test_no_flipped_bit_goes_unnoticed(tmp_path_factory: pytest.TempPathFactory, at: int, bit: int) -> None:
    path = tmp_path_factory.mktemp("sealed") / "f"
    path.write_bytes(SEALED[:at] + bytes([SEALED[at] ^ 1 << bit]) + SEALED[at + 1 :])
    try:
        tensors, metadata = open_sealed(path)
    except (OSError, SafetensorError, ValueError):
        return
    # What is left are spaces between values of the header.
    assert metadata == {"state": "x"} or "sha256" not in path.read_bytes().decode(errors="replace")
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)


def test_an_older_file_without_a_checksum_is_read(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.ones(2)}, tmp_path / "f")
    assert torch.equal(open_sealed(tmp_path / "f")[0]["x"], torch.ones(2))


ORDINARY = {"a": torch.tensor([65504.0, 1e-8], dtype=torch.float16), "b": np.array([3, -(2**62)])}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_that_are_no_numbers_are_refused_by_name(value: float, dtype: torch.dtype) -> None:
    require_finite(ORDINARY, "file")
    with pytest.raises(UserError, match="^file: .* c$|^file: .* c;"):
        require_finite({**ORDINARY, "c": torch.tensor([[1.0, value]], dtype=dtype)}, "file")
    with pytest.raises(UserError):
        require_finite({"c": np.array([1.0, value])}, "file")
