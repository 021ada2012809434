"""The directory of one run: who may write into it, and what every run keeps."""

from __future__ import annotations

import json
import logging
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from elmo_xlstm.atomic import clear_left_overs, remove_abandoned, write_text_atomically
from elmo_xlstm.disk import writing
from elmo_xlstm.errors import UserError
from elmo_xlstm.files import read_json

try:
    import fcntl
except ImportError:  # not on this system; two processes at once are then the user's to avoid
    fcntl = None  # type: ignore[assignment]

logger = logging.getLogger(__name__)

CONFIG_FILE = "config.json"


@contextmanager
def run_lock(directory: Path) -> Iterator[None]:
    """Keep other processes out of a run while the block runs, and clear away first what killed ones left there.

    The lock is on the directory itself, which is made if missing; the system frees it when the process ends, however
    it ends. A file system without locks (some network ones) leaves it to the user that there is one process.

    Raises:
        UserError: another process is at work there.
    """
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{directory}: another process is at work on this run just now; wait for its end or stop it first, or "
                "choose another --output"
            ) from None
        except OSError as error:
            logger.warning("%s: cannot be locked (%s); see to it that one process uses it", directory, error)
        # Of a directory that is no run, such as one named by mistake, nothing is removed but what a start left here.
        if (directory / CONFIG_FILE).is_file():
            clear_left_overs(directory)
        else:
            remove_abandoned(directory / CONFIG_FILE)
        yield
    finally:
        os.close(descriptor)


def open_run(
    directory: Path,
    config: dict[str, Any],
    *,
    force: bool = False,
    resume: bool = False,
    free: Collection[str] = (),
) -> None:
    """Prepare ``directory`` for a run and store its resolved configuration.

    Args:
        directory: of the run; made if missing.
        config: resolved, as it will be stored.
        force: delete a run that is there.
        resume: go on with the run that is there, which must have the same configuration.
        free: dotted keys whose values may be others on resume; the new ones are then stored.

    Raises:
        UserError: a run is there and neither is given, or there is none or another one to resume, or another process
            is at work on it.
    """
    stored = directory / CONFIG_FILE
    if resume and not stored.is_file():
        raise UserError(f"{directory}: no run to resume (no {CONFIG_FILE}); start it without --resume")
    with run_lock(directory):
        if resume:
            _compare(directory, config, free)
        else:
            _clear(directory, force)
            write_text_atomically(stored, _as_text(config))


def read_config(directory: Path) -> dict[str, Any]:
    """The configuration that a run was started with.

    Raises:
        UserError: it is missing or damaged.
    """
    stored = directory / CONFIG_FILE
    try:
        values = read_json(stored)
        if not isinstance(values, dict):
            raise ValueError("no JSON object")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{stored}: damaged configuration of a run ({error}); restore it from a copy, or start the run anew in "
            "another --output"
        ) from None
    return values


def _compare(directory: Path, config: dict[str, Any], free: Collection[str]) -> None:
    different = differences(read_config(directory), config)
    if any(key not in free for key in different):
        changed = ", ".join(key for key in different if key not in free)
        raise UserError(
            f"{directory}: this run was started with another configuration; different now: {changed}. "
            "Resume with the same configuration, or choose another --output, or replace the run with --force"
        )
    if different:
        write_text_atomically(directory / CONFIG_FILE, _as_text(config))


def _clear(directory: Path, force: bool) -> None:
    """Make room for a new run."""
    there = list(directory.iterdir())
    # Nothing but a configuration is what a start leaves that failed before it made anything.
    if all(path.name == CONFIG_FILE for path in there):
        return
    if not (directory / CONFIG_FILE).is_file():
        raise UserError(
            f"{directory}: not empty and no run ({CONFIG_FILE} is missing); it is not deleted by --force either, "
            "choose another --output"
        )
    if not force:
        raise UserError(
            f"{directory}: there is a run already; continue it with --resume, replace it with --force, "
            "or choose another --output"
        )
    # The configuration goes last: a kill in between leaves what is still known as a run.
    for path in sorted(there, key=lambda path: path.name == CONFIG_FILE):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _as_text(config: dict[str, Any]) -> str:
    return json.dumps(config, indent=2, ensure_ascii=False) + "\n"


def differences(before: Any, now: Any, path: str = "") -> list[str]:
    """Dotted keys whose values are not the same in two configurations."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = [*before, *(key for key in now if key not in before)]
        return [
            line
            for key in keys
            for line in differences(before.get(key), now.get(key), f"{path}.{key}" if path else str(key))
        ]
    return [] if before == now else [path]
