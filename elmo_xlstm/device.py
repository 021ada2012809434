"""Where tensors are computed on."""

from __future__ import annotations

import torch

from elmo_xlstm.errors import UserError


def default_device() -> torch.device:
    """The first GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def usable_device(device: str | torch.device | None) -> torch.device:
    """The device of that name, or the default one for None.

    Raises:
        UserError: there is no such device, or torch cannot use it here.
    """
    if device is None:
        return default_device()
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # AssertionError: torch is built without CUDA
        reason = str(error).splitlines()[0][:200]
        raise UserError(
            f"device '{device}' cannot be used here ({reason}); leave the device out for '{default_device()}', or see "
            "with 'python cli.py check' what there is"
        ) from None
