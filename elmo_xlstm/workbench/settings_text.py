"""``config``: all settings of an experiment, with the defaults marked, and what two experiments differ in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from elmo_xlstm.config import Settings, apply_overrides, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.runs.run_directory import differences
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.suite.settings import SuiteSettings
from elmo_xlstm.text.tokenizer_training import TokenizerSettings
from elmo_xlstm.workbench.jsonnet_text import to_jsonnet

KINDS: dict[str, type[Settings]] = {
    "experiments": SuiteSettings,
    "task": FinetuneSettings,
    "corpus": PretrainSettings,
    "wordpiece": TokenizerSettings,
}
"""The kind of an experiment by a key that only it has."""
DEFAULT = "  // default"


def resolve(values: dict[str, Any], origin: str, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """All settings of an experiment, overridden and validated, as plain values.

    Raises:
        UserError: it is of no kind that there is, or is not valid.
    """
    kind = next((kind for key, kind in KINDS.items() if key in values), None)
    if kind is None:
        raise UserError(f"{Path(origin)}: is no experiment: it has none of the keys {', '.join(KINDS)}")
    return validate(kind, apply_overrides(kind.completed(values), overrides), origin).model_dump(mode="json")


def show(given: Any, resolved: Any, key: str = "", indent: int = 0) -> Iterator[str]:
    """Lines of a jsonnet file with all settings; those that are not given end with a mark.

    Args:
        given: plain values that the experiment has.
        resolved: all of them.
        key: that they stand under.
        indent: spaces before the lines.
    """
    space, start = " " * indent, f"{key}: " if key else ""
    if isinstance(resolved, dict) and resolved:
        yield f"{space}{start}{{"
        for name, value in resolved.items():
            inner = given.get(name, MISSING) if isinstance(given, dict) else MISSING
            yield from show(inner, value, to_jsonnet({name: 0})[2:-5], indent + 2)
        yield f"{space}}}{',' if key else ''}"
        return
    text = to_jsonnet(resolved, indent).replace("\n", " ")
    yield f"{space}{start}{text},{DEFAULT if given is MISSING else ''}"


MISSING = object()
"""Stands for a value that an experiment does not give."""


def changes(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    """A line for each setting that two experiments have different values of."""
    for key in differences(one, other):
        yield f"{key}: {_at(one, key)} → {_at(other, key)}"


def _at(values: Any, dotted: str) -> str:
    for key in dotted.split("."):
        if not isinstance(values, Mapping) or key not in values:
            return "absent"
        values = values[key]
    return json.dumps(values, ensure_ascii=False)
