"""The directory of one run: its marker, configuration and lock, and the deletion of what a run wrote."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from elmo_xlstm.config import Settings, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import lock_file, write_text_atomically
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, written_files
from elmo_xlstm.runs.directories import clear_left_overs
from elmo_xlstm.runs.files import read_json, writing

logger = logging.getLogger(__name__)

CONFIG_FILE = "config.json"
MARKER_FILE = "run.json"
MARKER = "elmo-xlstm run"
"""Key of the marker file whose value is the kind of run. Others have files of all our other names, too."""
POLL_SECONDS = 0.2


class RunSettings(Settings):
    """Settings of an experiment that fills a directory: its run."""

    kind: ClassVar[str]
    """The command that makes such runs."""
    written: ClassVar[tuple[str, ...]]
    """Names of all that a run writes beside its configuration, as ``glob`` takes them; nothing else is ever deleted.
    A directory stands for all in it, or for what its list of checksums names, where it has one."""
    free: ClassVar[frozenset[str]] = frozenset({"output"})
    """Dotted settings that do not change what is computed: on resume they may be others, as after a move."""


@contextmanager
def open_run(
    directory: Path, settings: RunSettings, *, force: bool = False, resume: bool = False, wait: float = 0.0
) -> Iterator[int]:
    """Prepare ``directory`` for a run, store its configuration, and keep other processes out while the block runs.

    Nothing there is changed or deleted before the run is accepted, and then nothing but what a run of the same kind
    wrote. A run says by its marker file that it is one and of which kind. One that is older has none and is known by
    its configuration, which has to be valid for this kind.

    The lock is on the directory itself, which is made if missing; the system frees it when the process ends, however
    it ends, for which another may ``wait`` so many seconds. A file system without locks (some network ones) leaves it
    to the user that there is one process.

    Yields:
        A file descriptor: a child process that inherits it keeps others out while it lives.

    Raises:
        UserError: a run is there and neither is given, or there is none or another one to resume, or what is there is
            no such run, or another process is at work on it.
    """
    if resume and not (directory / CONFIG_FILE).is_file():
        raise UserError(f"{directory}: no run to resume (no {CONFIG_FILE}); start it without --resume")
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        _lock(descriptor, directory, wait)
        if resume:
            _refuse_other_kind(directory, settings)
            _refuse_differences(directory, settings)
        else:
            _refuse_replacement(directory, settings, force)
        with writing(directory):
            for name in (*settings.written, CONFIG_FILE, MARKER_FILE):
                clear_left_overs((directory / name).parent, Path(name).name)
            if not resume:
                _delete(directory, settings)
            write_text_atomically(directory / MARKER_FILE, _as_text({MARKER: settings.kind}))
            write_text_atomically(directory / CONFIG_FILE, _as_text(settings.model_dump(mode="json")))
        yield descriptor
    finally:
        os.close(descriptor)


def read_config(directory: Path) -> dict[str, Any]:
    """The configuration that a run was started with; a UserError if it is missing or damaged."""
    stored = directory / CONFIG_FILE
    try:
        values = read_json(stored)
        if not isinstance(values, dict):
            raise ValueError("no JSON object")
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(
            f"{stored}: damaged configuration of a run ({error}); restore it from a copy, or start the run anew in "
            "another --output"
        ) from None
    return values


def _lock(descriptor: int, directory: Path, wait: float) -> None:
    end = time.monotonic() + wait
    while True:
        try:
            return lock_file(descriptor)
        except BlockingIOError:
            if time.monotonic() >= end:
                raise UserError(
                    f"{directory}: another process is at work on this run just now; wait for its end or stop it "
                    "first, or choose another --output"
                ) from None
            time.sleep(POLL_SECONDS)
        except OSError as error:
            return logger.warning("%s: cannot be locked (%s); see to it that one process uses it", directory, error)


def _kind(directory: Path, settings: RunSettings) -> str | None:
    try:
        marker = json.loads((directory / MARKER_FILE).read_text(encoding="utf-8"))
        if isinstance(marker, dict) and isinstance(kind := marker.get(MARKER), str):
            return kind
    except (OSError, ValueError, RecursionError):
        pass
    try:
        validate(type(settings), read_config(directory))
    except UserError:
        return None
    return settings.kind


def _refuse_other_kind(directory: Path, settings: RunSettings) -> None:
    kind = _kind(directory, settings)
    if kind is None:
        raise UserError(
            f"{directory}: not empty and no run of {settings.kind} by its {MARKER_FILE} (an old one: by its "
            f"{CONFIG_FILE}); it is neither continued nor deleted, not with --force either. Choose another --output, "
            "or move away what is there"
        )
    if kind != settings.kind:
        raise UserError(
            f"{directory}: this is a run of {kind}, which {settings.kind} neither continues nor deletes, not with "
            "--force either. Choose another --output, or move the run away"
        )


def _refuse_differences(directory: Path, settings: RunSettings) -> None:
    before = read_config(directory)
    try:  # settings that were added since have their defaults
        before = validate(type(settings), before).model_dump(mode="json")
    except UserError:
        pass
    different = [key for key in differences(before, settings.model_dump(mode="json")) if key not in settings.free]
    if different:
        raise UserError(
            f"{directory}: this run was started with another configuration; different now: {', '.join(different)}. "
            "Resume with the same configuration, or choose another --output, or replace the run with --force"
        )


def _refuse_replacement(directory: Path, settings: RunSettings, force: bool) -> None:
    if all(path.name.startswith(f".{MARKER_FILE}.") for path in directory.iterdir()):
        return  # empty, but for what a start leaves that was killed in its first moment
    _refuse_other_kind(directory, settings)
    started = {path.name for path in directory.iterdir()} <= {MARKER_FILE, CONFIG_FILE}
    # Nothing but a configuration is what a start leaves that failed before it made anything.
    if not force and not started:
        raise UserError(
            f"{directory}: there is a run already; continue it with --resume, replace it with --force, "
            "or choose another --output"
        )


def _delete(directory: Path, settings: RunSettings) -> None:
    """Delete what an earlier run wrote but for configuration and marker: a kill in between leaves what is a run."""
    for path in written_files(directory) if (directory / CHECKSUMS_FILE).is_file() else ():
        path.unlink()
    for name in settings.written:
        for path in directory.glob(name):
            if path.is_symlink() or not path.is_dir():
                path.unlink()
                continue
            for file in written_files(path):
                file.unlink()
            _remove_if_empty(path)
        if (parent := (directory / name).parent) != directory:
            _remove_if_empty(parent)
    if left := sorted(path.name for path in directory.iterdir() if path.name not in (CONFIG_FILE, MARKER_FILE)):
        logger.warning("%s: left alone, being nothing that a run wrote: %s", directory, ", ".join(left))


def _remove_if_empty(directory: Path) -> None:
    for place, _, _ in os.walk(directory, topdown=False):
        if not os.listdir(place):
            os.rmdir(place)


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
