from __future__ import annotations

import numpy as np
import pytest
import torch

from elmo_xlstm.errors import UserError
from elmo_xlstm.finite import require_finite

ORDINARY = {"a": torch.tensor([65504.0, 1e-8], dtype=torch.float16), "b": np.array([3, -(2**62)])}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_weights_that_are_no_numbers_are_refused_by_name(value: float, dtype: torch.dtype) -> None:
    require_finite(ORDINARY, "file")
    with pytest.raises(UserError, match="^file: .* c$|^file: .* c;"):
        require_finite({**ORDINARY, "c": torch.tensor([[1.0, value]], dtype=dtype)}, "file")
    with pytest.raises(UserError):
        require_finite({"c": np.array([1.0, value])}, "file")
