"""Evaluating experiment files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from elmo_xlstm.config.errors import ConfigError


def evaluate_jsonnet(path: Path, external_variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Evaluate a jsonnet file to plain values.

    Imports are resolved beside the importing file and stay inside the directory tree of ``path``.

    Args:
        path: the experiment file.
        external_variables: values of ``std.extVar``; always strings, as jsonnet wants them.

    Raises:
        ConfigError: the file is missing, is no valid jsonnet or is no object.
    """
    import _jsonnet  # the compiled evaluator is needed for this alone

    if not path.is_file():
        raise ConfigError(str(path), ["no such file; experiments are jsonnet files, see experiments/"])
    root = path.resolve().parent

    def import_file(directory: str, name: str) -> tuple[str, bytes]:
        target = (Path(directory) / name).resolve()
        if not target.is_relative_to(root):
            raise RuntimeError(f"import '{name}' leaves the experiment's directory {root}")
        if not target.is_file():
            raise RuntimeError(f"import '{name}': no such file {target}")
        return str(target), target.read_bytes()

    try:
        text = _jsonnet.evaluate_file(
            str(path.resolve()), ext_vars=dict(external_variables or {}), import_callback=import_file
        )
    except RuntimeError as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        problem = "\n    ".join(lines) or "cannot be evaluated"  # one problem; the lines below it say where
        raise ConfigError(str(path), [problem]) from None
    values = json.loads(text)
    if not isinstance(values, dict):
        raise ConfigError(str(path), [f"an experiment is an object {{...}}, this is a {type(values).__name__}"])
    return values
