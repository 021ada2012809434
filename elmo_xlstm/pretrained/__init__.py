"""Pretrained models that the package carries, each a directory beside this file, made by ``python cli.py export``."""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from elmo_xlstm.errors import UserError

DEFAULT_MODEL = "small"
BUNDLED = frozenset({DEFAULT_MODEL})
PROVENANCE_FILE = "provenance.json"
"""File that says how the model of a directory was made."""


def bundled_model(name: str = DEFAULT_MODEL) -> Path:
    """The directory of a model that the package carries.

    Args:
        name: one of :data:`BUNDLED`.

    Raises:
        UserError: this installation lacks its files.
    """
    directory = Path(str(importlib.resources.files(__name__))) / name
    for file in ("model.safetensors", "checksums.json"):
        if not (directory / file).is_file():
            raise UserError(
                f"this installation lacks the bundled model '{name}' ({directory / file} is missing); install the "
                "package again, or name another model: -o embedder.model=DIRECTORY_OR_HUB_NAME"
            )
    return directory
