"""The directory of one run: who may write into it, and what every run keeps."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection
from pathlib import Path
from typing import Any

from elmo_xlstm.atomic import write_text_atomically
from elmo_xlstm.errors import UserError

CONFIG_FILE = "config.json"


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
        UserError: a run is there and neither is given, or there is none or another one to resume.
    """
    stored = directory / CONFIG_FILE
    if resume:
        if not stored.is_file():
            raise UserError(f"{directory}: no run to resume (no {CONFIG_FILE}); start it without --resume")
        before = json.loads(stored.read_text(encoding="utf-8"))
        different = differences(before, config)
        if any(key not in free for key in different):
            changed = ", ".join(key for key in different if key not in free)
            raise UserError(
                f"{directory}: this run was started with another configuration; different now: {changed}. "
                "Resume with the same configuration, or choose another --output, or replace the run with --force"
            )
        if different:
            write_text_atomically(stored, _as_text(config))
        return
    # Nothing but a configuration is what a start leaves that failed before it made anything.
    if directory.exists() and any(path.name != CONFIG_FILE for path in directory.iterdir()):
        if not force:
            raise UserError(
                f"{directory}: there is a run already; continue it with --resume, replace it with --force, "
                "or choose another --output"
            )
        if not stored.is_file():
            raise UserError(
                f"{directory}: not empty and no run ({CONFIG_FILE} is missing); it is not deleted by --force"
            )
        shutil.rmtree(directory)
    write_text_atomically(stored, _as_text(config))


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
