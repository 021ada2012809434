"""What a model directory says of itself: what it was made from and by, and whether its files are whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elmo_xlstm.errors import UserError
from elmo_xlstm.pretrained import PROVENANCE_FILE
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, find_damage
from elmo_xlstm.runs.files import read_json

FORMAT_VERSION = 1


def write_provenance(directory: Path, facts: Mapping[str, Any]) -> None:
    """Write ``provenance.json``."""
    content = {"format_version": FORMAT_VERSION, **facts}
    write_text_atomically(directory / PROVENANCE_FILE, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def read_provenance(directory: Path) -> dict[str, Any] | None:
    """What :func:`write_provenance` wrote, or ``None`` for a model without it.

    Raises:
        UserError: the file cannot be read.
    """
    path = directory / PROVENANCE_FILE
    try:
        content: dict[str, Any] = read_json(path)
        version = content["format_version"]
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"{path}: cannot be read as a model's provenance ({type(error).__name__}: {error}); restore it"
        ) from None
    if version != FORMAT_VERSION:
        raise UserError(f"{path}: is of format {version}, expected {FORMAT_VERSION}; export the model again")
    return content


def verify_files(directory: Path) -> None:
    """Compare a model's files with the checksums of an export or of a pretraining run; others have none.

    Raises:
        UserError: a file is missing or is not what was written.
    """
    if damage := find_damage(directory) if (directory / CHECKSUMS_FILE).is_file() else []:
        raise UserError(
            f"{directory}: the model is damaged: {'; '.join(damage)}; restore it: install the package again if it is "
            "the bundled one, have pretrain --resume write a run's anew from its best checkpoint, or repeat its "
            f"export. Delete {CHECKSUMS_FILE} if the change was meant"
        )
