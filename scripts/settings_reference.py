"""The reference of every setting, as a page of the documentation: read from the settings classes themselves."""

from __future__ import annotations

import inspect
import json
import types
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from elmo_xlstm.config import Registry, Settings
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.recipes.series import SeriesSettings
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.registry import register_tasks
from elmo_xlstm.tasks.suite.settings import SuiteSettings
from elmo_xlstm.text.tokenizer_training import TokenizerSettings

KINDS: dict[str, type[Settings]] = {
    "tokenizer": TokenizerSettings,
    "pretrain": PretrainSettings,
    "finetune": FinetuneSettings,
    "suite": SuiteSettings,
    "recipes": SeriesSettings,
}
INTRODUCTION = """# Settings

Every key of every experiment file: its type, its default and what it does. `elmo-xlstm schema finetune` prints them as
JSON Schema, for an editor that completes and checks jsonnet. A key that is *required* has no default.
"""


def page() -> str:
    """The page in Markdown."""
    register_tasks()
    pending: list[type[BaseModel] | Registry] = list(KINDS.values())
    done: list[type[BaseModel] | Registry] = []
    parts = [INTRODUCTION]
    while pending:
        thing = pending.pop(0)
        if thing in done:
            continue
        done.append(thing)
        text, below = _registry(thing) if isinstance(thing, Registry) else _settings(thing)
        parts.append(text)
        pending = [*below, *pending]
    return "\n".join(parts)


def title(thing: type[BaseModel] | Registry) -> str:
    """What a section is called."""
    if isinstance(thing, Registry):
        return f"{thing.interface[0].upper()}{thing.interface[1:]}: `type`"
    for command, settings in KINDS.items():
        if thing is settings:
            return f"`{command}`"
    names = thing.__qualname__.removesuffix(".Config").removesuffix("Settings").split(".")
    return names[-1] or thing.__qualname__


def _anchor(thing: type[BaseModel] | Registry) -> str:
    return "registry-" + thing.interface.replace(" ", "-") if isinstance(thing, Registry) else _class_anchor(thing)


def _class_anchor(settings: type[BaseModel]) -> str:
    return f"{settings.__module__}.{settings.__qualname__}".replace(".", "-").lower()


def _heading(thing: type[BaseModel] | Registry) -> str:
    return f"## {title(thing)} {{ #{_anchor(thing)} }}\n"


def _registry(registry: Registry) -> tuple[str, list[type[BaseModel] | Registry]]:
    classes = {name: registry[name] for name in registry}
    default = f" Where there is no `type`: `{registry.default}`." if registry.default else ""
    lines = [_heading(registry), f"`type` chooses one of these.{default}\n"]
    lines += [f"- [`{name}`](#{_anchor(settings)}): {_first_line(settings)}" for name, settings in classes.items()]
    return "\n".join(lines) + "\n", list(classes.values())


def _settings(settings: type[BaseModel]) -> tuple[str, list[type[BaseModel] | Registry]]:
    lines = [_heading(settings), f"{_first_line(settings)}\n", "| key | type | default | |", "|---|---|---|---|"]
    below: list[type[BaseModel] | Registry] = []
    for name, field in settings.model_fields.items():
        kind, nested = _type(field.annotation, tuple(field.metadata))
        below += nested
        about = " ".join((field.description or "").split()).replace("|", "\\|")
        lines.append(f"| `{name}` | {kind} | {_default(field)} | {about} |")
    return "\n".join(lines) + "\n", below


def _first_line(settings: type[BaseModel]) -> str:
    text = inspect.getdoc(settings) or ""
    return "" if text == inspect.getdoc(BaseModel) else " ".join(text.partition("\n\n")[0].split())


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "*required*"
    value = field.get_default(call_default_factory=True)
    if isinstance(value, BaseModel):
        return "its defaults" if not getattr(value, "type", None) else f"`{value.type}`"
    if isinstance(value, Path):
        value = str(value)
    if isinstance(value, (frozenset, set)):
        value = sorted(value)
    return f"`{json.dumps(value, ensure_ascii=False, default=str)}`"


def _type(annotation: Any, metadata: tuple[Any, ...] = ()) -> tuple[str, list[type[BaseModel] | Registry]]:
    """A type in words with links, and the classes and registries in it."""
    for item in metadata:
        if isinstance(item, Registry):
            return f"[{item.interface}](#{_anchor(item)})", [item]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0], (*arguments[1:], *metadata))
    bounds = "".join(f", {bound}" for bound in map(_bound, metadata) if bound)
    if origin is Literal:
        return " or ".join(f"`{json.dumps(value)}`" for value in arguments), []
    if origin in (Union, types.UnionType):
        found = [_type(argument) for argument in arguments]
        return " or ".join(text for text, _ in found) + bounds, [thing for _, things in found for thing in things]
    if origin in (list, tuple, set, frozenset):
        text, things = _type(arguments[0])
        return f"list of {text}{bounds}", things
    if origin is dict:
        key, value = _type(arguments[0]), _type(arguments[1])
        return f"object of {value[0]} by {key[0]}{bounds}", [*key[1], *value[1]]
    if isinstance(annotation, TypeVar) or annotation is Any:
        return "anything", []
    if annotation is type(None):
        return "null", []
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return f"[{title(annotation)}](#{_anchor(annotation)})", [annotation]
    names = {int: "whole number", float: "number", str: "text", bool: "true or false", Path: "path"}
    return names.get(annotation, getattr(annotation, "__name__", str(annotation))) + bounds, []


BOUNDS: dict[str, str] = {"gt": "> {}", "ge": "≥ {}", "lt": "< {}", "le": "≤ {}", "min_length": "at least {} long"}


def _bound(item: Any) -> str:
    """A constraint in words: of pydantic's ``Field`` or of ``annotated_types``."""
    found = [text.format(getattr(item, name)) for name, text in BOUNDS.items() if getattr(item, name, None) is not None]
    inner = [_bound(part) for part in getattr(item, "metadata", ())]
    return ", ".join([*found, *filter(None, inner)])


if __name__ == "__main__":
    print(page())
