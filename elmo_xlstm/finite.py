"""Learned numbers that are none: they give vectors without values, or the same prediction for everything."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from elmo_xlstm.errors import UserError


def require_finite(tensors: Mapping[str, Tensor | np.ndarray], origin: object) -> None:
    """Refuse weights of which some are infinite or not a number.

    Args:
        tensors: by name.
        origin: what they were read from.

    Raises:
        UserError: names the first of those tensors.
    """
    wrong = [name for name, tensor in tensors.items() if not bool(torch.isfinite(torch.as_tensor(tensor)).all())]
    if wrong:
        raise UserError(
            f"{origin}: weights are not finite (NaN or infinity): {', '.join(wrong[:5])}"
            + (f" and {len(wrong) - 5} more" if wrong[5:] else "")
            + "; restore the file from a copy, or train anew with a smaller learning rate if training diverged"
        )
