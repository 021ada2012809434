"""An experiment from its file and the options of a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elmo_xlstm.config.jsonnet import evaluate_jsonnet
from elmo_xlstm.config.overrides import apply_overrides
from elmo_xlstm.config.settings import SettingsT, validate
from elmo_xlstm.errors import UserError


def read_experiment(path: Path, variables: Sequence[str] = (), imports: Sequence[Path] = ()) -> dict[str, Any]:
    """Evaluate an experiment file to plain values.

    Args:
        path: jsonnet file.
        variables: ``NAME=VALUE`` for ``std.extVar``.
        imports: directories that it may import from, beside its own.

    Raises:
        UserError: a variable is malformed, or the file cannot be evaluated.
    """
    values = {}
    for item in variables:
        name, equals, value = item.partition("=")
        if not name or not equals:
            raise UserError(f"--ext-var {item}: expected NAME=VALUE")
        values[name] = value
    return evaluate_jsonnet(path, values, imports)


def load_experiment(
    settings_class: type[SettingsT],
    path: Path,
    overrides: Sequence[str] = (),
    variables: Sequence[str] = (),
    imports: Sequence[Path] = (),
    **replaced: Any,
) -> SettingsT:
    """Evaluate, override and validate an experiment.

    Args:
        settings_class: of this kind of experiment.
        path: jsonnet file.
        overrides: ``dotted.key=value``.
        variables: ``NAME=VALUE`` for ``std.extVar``.
        imports: directories that the file may import from, beside its own.
        **replaced: top-level settings that an option of their own gives; None leaves the experiment's.

    Raises:
        UserError: says everything that is wrong.
    """
    values = apply_overrides(read_experiment(path, variables, imports), overrides)
    values |= {
        name: str(value) if isinstance(value, Path) else value for name, value in replaced.items() if value is not None
    }
    return validate(settings_class, values, origin=str(path))
