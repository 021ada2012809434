"""Libraries that one may do without."""

from __future__ import annotations

import importlib
from types import ModuleType

from elmo_xlstm.errors import UserError


def imported(name: str, extra: str) -> ModuleType:
    """Import a library of an extra.

    Args:
        name: of the module.
        extra: of this package that installs it.

    Raises:
        UserError: it is missing.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] != name.partition(".")[0]:
            raise
        raise UserError(f"{name} is not installed; install it with: pip install 'elmo-xlstm[{extra}]'") from None
