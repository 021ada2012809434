"""An experiment from its file and the options of a command, single settings changed by ``dotted.key=value``."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elmo_xlstm.config.errors import ConfigError
from elmo_xlstm.config.jsonnet import evaluate_jsonnet
from elmo_xlstm.config.plain_values import DEEPEST, parse_values
from elmo_xlstm.config.settings import SettingsT
from elmo_xlstm.config.validation import validate
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
    values = apply_overrides(settings_class.completed(read_experiment(path, variables, imports)), overrides)
    values |= {
        name: str(value) if isinstance(value, Path) else value for name, value in replaced.items() if value is not None
    }
    return validate(settings_class, values, origin=str(path))


def apply_overrides(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Apply ``dotted.key=value`` overrides to a copy of plain values.

    A value is read as JSON (``3``, ``0.1``, ``true``, ``[1, 2]``, ``{"type": "mean"}``), or else as a
    string. A number indexes a list. Parents that are missing are made; whether the key exists is for
    validation to say.

    Raises:
        ConfigError: lists every override that is malformed or leads through a plain value.
    """
    changed = copy.deepcopy(values)
    problems = []
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key or not all(key.split(".")):
            problems.append(f"-o {override}: expected dotted.key=value")
            continue
        try:
            _set(changed, key.split("."), _parse(text))
        except LookupError as error:
            problems.append(f"-o {override}: {error.args[0]}")
        except ConfigError as error:
            problems.extend(f"-o {override:.100}: the value {problem}" for problem in error.problems)
    if problems:
        raise ConfigError("overrides", problems)
    return changed


def _parse(text: str) -> Any:
    try:
        return parse_values(text, "overrides")
    except ValueError:
        return text


def _set(values: dict[str, Any], keys: Sequence[str], new: Any) -> None:
    here: Any = values
    if len(keys) > DEEPEST:
        raise LookupError(f"a key of {len(keys)} parts; settings are not nested so deeply")
    for position, key in enumerate(keys):
        last = position == len(keys) - 1
        if isinstance(here, dict):
            if last:
                here[key] = new
            else:
                here = here.setdefault(key, {})
        elif isinstance(here, list):
            if not key.isdecimal() or len(key) > len(str(len(here))) or int(key) >= len(here):
                raise LookupError(f"'{'.'.join(keys[:position])}' is a list of {len(here)}; '{key}' is not in it")
            if last:
                here[int(key)] = new
            else:
                here = here[int(key)]
        else:
            raise LookupError(f"'{'.'.join(keys[:position])}' is a plain value, nothing can be set inside it")
