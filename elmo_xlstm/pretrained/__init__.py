"""Pretrained models and trained heads that the package carries, each a directory beside this file or in ``heads``.

They are made by ``python cli.py export`` and ``python cli.py export-head``.
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path

from elmo_xlstm.errors import UserError

DEFAULT_MODEL = "small"
BUNDLED = frozenset({DEFAULT_MODEL})
CARRIED_HEADS = ("ner", "pos", "sentiment", "emotion", "absa", "keyphrases")
"""Trained heads that read :data:`DEFAULT_MODEL`, by what they find."""
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


def carried_head(name: str) -> Path:
    """The directory of a trained head that the package carries.

    Args:
        name: one of :data:`CARRIED_HEADS`.

    Raises:
        UserError: this installation lacks its files.
    """
    directory = Path(str(importlib.resources.files(__name__))) / "heads" / name
    if not (directory / "checksums.json").is_file():
        raise UserError(f"this installation lacks the head '{name}' ({directory}); install the package again")
    return directory
