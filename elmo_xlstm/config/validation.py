"""Validation of plain values that reports all problems at once, each with its path in the user's own values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from elmo_xlstm.config.errors import ConfigError, suggestion
from elmo_xlstm.config.settings import Registry, Settings, SettingsT

LONGEST_NAME = 100


def validate(settings_class: type[SettingsT], values: Any, origin: str = "configuration") -> SettingsT:
    """Turn plain values into typed settings.

    Args:
        settings_class: what to build.
        values: nested dictionaries and lists, as jsonnet gives them.
        origin: what the values came from, named in the error.

    Raises:
        ConfigError: lists every problem with its full path.
    """
    try:
        return settings_class.model_validate(values)
    except ValidationError as error:
        raise ConfigError(origin, _describe(error, settings_class)) from None


def _describe(error: ValidationError, settings_class: type[Settings]) -> list[str]:
    """One line for each problem that pydantic found, with its path in the user's own values."""
    lines = []
    for problem in error.errors(include_url=False):
        path, owner = _locate(problem["loc"], settings_class)
        where = _dotted(path) or "(top level)"
        context = problem.get("ctx", {})
        match problem["type"]:
            case "extra_forbidden":
                known = list(owner.model_fields) if owner is not None else []
                message = f"unknown key; {suggestion(str(path[-1]), known)}"
            case "missing":
                message = "is required but missing"
            case "union_tag_not_found":
                message = "needs a key 'type' that says which implementation to use"
            case "union_tag_invalid":
                expected = [name.strip().strip("'") for name in context["expected_tags"].split(",")]
                message = f"unknown type '{context['tag']:.80}'; {suggestion(context['tag'], expected)}"
            case "int_parsing_size":
                message = f"expected a smaller whole number (got {problem['input']!r:.80})"
            case "path_type":
                message = f"expected the path of a file or directory, as a text (got {problem['input']!r:.80})"
            case "value_error":
                message = str(context["error"])
            case _:
                given = problem["input"]
                shown = f" (got {given!r:.80})" if not isinstance(given, dict | list) else ""
                message = problem["msg"][0].lower() + problem["msg"][1:] + shown
        lines.append(f"{where}: {message}")
    return lines


def _locate(
    location: Sequence[str | int], settings_class: type[BaseModel]
) -> tuple[list[str | int], type[BaseModel] | None]:
    """The path in the user's values (pydantic adds union tags to it) and the class that owns its last key."""
    path: list[str | int] = []
    owner: type[BaseModel] | None = None
    here: type[BaseModel] | Registry | None = settings_class
    for part in location:
        if isinstance(here, Registry) and part in list(here):
            here = here[str(part)]
            continue
        path.append(part)
        if isinstance(part, int):
            continue  # an item of a list is described by the list's own annotation
        owner = here if isinstance(here, type) else None
        field = owner.model_fields.get(part) if owner is not None else None
        here = _described_by(field.annotation, field.metadata) if field is not None else None
    return path, owner


def _described_by(annotation: Any, metadata: Sequence[Any] = ()) -> type[BaseModel] | Registry | None:
    """The settings class or registry inside an annotation such as ``list[Annotated[Any, registry]]``."""
    for item in metadata:
        if isinstance(item, Registry):
            return item
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) is Annotated:
        return _described_by(get_args(annotation)[0], annotation.__metadata__)
    for argument in get_args(annotation):
        found = _described_by(argument)
        if found is not None:
            return found
    return None


def _dotted(path: Sequence[str | int]) -> str:
    text = ""
    for part in path:
        name = part if isinstance(part, int) or len(part) <= LONGEST_NAME else f"{part[:LONGEST_NAME]}..."
        text += f"[{part}]" if isinstance(part, int) else f".{name}" if text else str(name)
    return text
