"""Evaluation of experiment files, in a process of its own: the library cannot be limited in time or memory."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from elmo_xlstm.config import jsonnet_process
from elmo_xlstm.config.errors import ConfigError
from elmo_xlstm.config.plain_values import parse_values
from elmo_xlstm.errors import printable

LIMITS = {
    "SIGXCPU": f"takes more than {jsonnet_process.CPU_SECONDS} seconds; check for a function that never ends",
    "SIGKILL": f"takes more than {jsonnet_process.CPU_SECONDS} seconds, or the system is short of memory",
    "SIGXFSZ": f"says more than {jsonnet_process.LARGEST >> 20} MiB by std.trace; take that out",
    "SIGABRT": "takes too much memory; check for values that grow without end",
    "SIGSEGV": "is nested too deeply, or an expression in it is too long, for the evaluator; write it shorter",
}
SHIPPED = Path(__file__).parents[1] / "experiments"
"""The experiments that the package carries."""
GIVE_VARIABLE = "give it: --ext-var NAME=VALUE"


def find_experiment(name: Path) -> Path:
    """The file of that name, or else the experiment that the package carries: ``nerp`` for ``nerp.jsonnet``."""
    if name.exists() or name.is_absolute() or ".." in name.parts or "\0" in str(name):
        return name
    shipped = SHIPPED / name.with_suffix(".jsonnet")
    return shipped if shipped.is_file() else name


def evaluate_jsonnet(
    path: Path, external_variables: Mapping[str, str] | None = None, allowed: Sequence[Path] = ()
) -> dict[str, Any]:
    """Evaluate a jsonnet file to plain values, in a process of its own, with 20 seconds and 2 GiB at most.

    Imports are resolved beside the importing file and stay inside the directory tree of ``path``, and those allowed
    besides; links are followed before that is looked at. ``elmo-xlstm/NAME`` is an experiment that the package carries.

    Args:
        path: the experiment file.
        external_variables: values of ``std.extVar``; always strings, as jsonnet wants them.
        allowed: further directories whose trees may be imported from.

    Raises:
        ConfigError: the file is missing, is no valid jsonnet, needs too much time or memory, or is no object.
    """
    if "\0" in str(path) or not path.is_file():
        raise ConfigError(str(path), ["no such file, nor an experiment of the package; see experiments/"])
    for directory in allowed:
        if not directory.is_dir():
            raise ConfigError(str(path), [f"--allow-imports {directory}: no such directory"])
    try:
        answer = _ask(
            path=str(path.resolve()),
            roots=[str(directory.resolve()) for directory in (path.resolve().parent, *allowed)],
            shipped=str(SHIPPED.resolve()),
            variables=dict(external_variables or {}),
        )
    except _ProcessEndedError as error:
        raise ConfigError(str(path), [str(error)]) from None
    if "error" in answer:
        lines = [line.strip() for line in answer["error"].splitlines() if line.strip()]
        lines.append("mend the file there" if "undefined external" not in answer["error"] else GIVE_VARIABLE)
        problem = "\n    ".join(lines)  # one problem; the lines below it say where
        raise ConfigError(str(path), [problem])
    values = parse_values(answer["values"], str(path))
    if not isinstance(values, dict):
        raise ConfigError(str(path), [f"an experiment is an object {{...}}, this is a {type(values).__name__}"])
    return values


class _ProcessEndedError(Exception):
    """The evaluator ended without an answer."""


def _ask(**request: Any) -> dict[str, str]:
    """Run the evaluator and return its answer."""
    with TemporaryFile() as said_file:  # the limits of the process hold for a file, not for a pipe
        done = subprocess.run(
            [sys.executable, jsonnet_process.__file__],
            input=json.dumps(request).encode(),
            stdout=subprocess.PIPE,
            stderr=said_file,
            check=False,
        )
        said_file.seek(0)
        said = said_file.read().decode(errors="replace")
    try:
        answer: dict[str, str] = json.loads(done.stdout)
    except ValueError:
        name = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit status {done.returncode}"
        if "MemoryError" in said or "bad_alloc" in said:
            name = "SIGABRT"
        reason = (said.strip().splitlines() or ["no reason given"])[-1]
        raise _ProcessEndedError(LIMITS.get(name, f"the evaluator ended with {name} ({reason})")) from None
    sys.stderr.write(printable(said))  # std.trace
    return answer
