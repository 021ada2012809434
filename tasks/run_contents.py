"""Data and language model of a run: kept beside it, and compared when the run goes on or is read."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from elmo_xlstm.embedding import ElmoEmbedder, EmbedderSettings
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model_files import WEIGHTS_FILE as MODEL_WEIGHTS_FILE
from elmo_xlstm.lm.model_files import find_model
from elmo_xlstm.runs.atomic import write_atomically
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, find_damage, write_checksums
from elmo_xlstm.runs.directories import publish_directory
from elmo_xlstm.runs.files import read_json, to_json

EMBEDDER_DIRECTORY = "embedder"
DATA_FILE = "data.json"
HEAD_FILE = "head.json"
"""In the directory of an exported head: what it is, and what it was made of."""


def keep_model(name: str, target: Path) -> None:
    """Keep the language model with the run: as hard links where the file system allows, which cost no space."""
    if (target / MODEL_WEIGHTS_FILE).is_file():
        return
    source = find_model(name)
    with publish_directory(target) as directory:
        for path in source.iterdir():
            if path.is_file():
                try:
                    os.link(path.resolve(), directory / path.name)  # the hub's cache holds symbolic links
                except OSError:
                    shutil.copyfile(path, directory / path.name)
        write_checksums(directory)  # of its own: links change with what they are links of


def read_checksums(directory: Path) -> dict[str, str]:
    """SHA-256 of the data files that a run began with, by name; empty if it has not come that far.

    Raises:
        UserError: the file is damaged.
    """
    path = directory / DATA_FILE
    if not path.is_file():
        return {}
    try:
        values = read_json(path)
    except ValueError:
        values = None
    if not isinstance(values, dict) or not all(isinstance(checksum, str) for checksum in values.values()):
        raise UserError(f"{path}: damaged; begin anew with --force, which deletes the run")
    return values


def keep_checksums(directory: Path, found: Mapping[str, str]) -> None:
    """Write down the checksums of the run's data files, or compare them with those that it began with.

    Raises:
        UserError: they are not: epochs on two sets of examples are a score of neither.
    """
    began = read_checksums(directory)
    if not began:
        write_atomically(directory / DATA_FILE, (to_json(dict(found), indent=2) + "\n").encode())
        return
    refuse_changed_data(directory, began, found, "begin anew with --force, which deletes the run")


def refuse_changed_data(directory: Path, before: Mapping[str, str], now: Mapping[str, str], remedy: str) -> None:
    """Compare checksums of data files.

    Raises:
        UserError: they differ; the message ends with the remedy.
    """
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if changed:
        raise UserError(
            f"{directory}: the data have changed since the run began: {', '.join(changed)}. Put back what was there, "
            f"or {remedy}"
        )


def kept_embedder(settings: EmbedderSettings | None, directory: Path) -> ElmoEmbedder | None:
    """The language model that the run keeps: the one named may have changed or gone since the run began.

    One that is fine-tuned begins with these weights; the tuned ones are among the head's.

    Raises:
        UserError: its files have changed.
    """
    if settings is None:
        return None
    kept = directory / EMBEDDER_DIRECTORY
    if not kept.exists() and (directory / HEAD_FILE).is_file():
        return settings.build()  # an exported head has none
    if (kept / CHECKSUMS_FILE).is_file() and (damage := find_damage(kept)):
        raise other_model(directory, settings, "; ".join(damage))
    return settings.build(kept)


def other_language_model(directory: Path, settings: EmbedderSettings) -> UserError:
    """The error that an exported head was trained on another language model than is there by that name."""
    return UserError(
        f"{directory}: was trained on another language model than '{settings.model}' is (its fingerprint differs): "
        "its predictions would mean nothing; install the version of the package that it was made with, or train it anew"
    )


def other_model(directory: Path, settings: EmbedderSettings, difference: str) -> UserError:
    """The error that the language model beside the run has changed."""
    return UserError(
        f"{directory / EMBEDDER_DIRECTORY}: is not the language model that the run began with: {difference}. Its files "
        f"may be shared with {settings.model}, which may have changed since: put back what was there; or "
        "begin anew with finetune --force, which deletes the run"
    )
