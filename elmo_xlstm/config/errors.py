"""Configuration problems in words: where, what was expected, what was meant."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from elmo_xlstm.config.registry import Registry
from elmo_xlstm.errors import UserError

if TYPE_CHECKING:
    from elmo_xlstm.config.settings import Settings


SHOWN = 50
LONGEST = 4000
KEPT_END = 200  # what to do is said last
LONGEST_NAME = 100


class ConfigError(UserError):
    """All problems of one configuration; the message has the first fifty, each with 4,000 characters at most.

    Attributes:
        problems: one line each: ``path: message``.
    """

    def __init__(self, origin: str, problems: Sequence[str]) -> None:
        self.problems = [
            p if len(p) <= LONGEST else f"{p[: LONGEST - KEPT_END]} ... (cut) ... {p[-KEPT_END:]}" for p in problems
        ]
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = [f"{origin}: {count}", *(f"  {problem}" for problem in self.problems[:SHOWN])]
        if len(self.problems) > SHOWN:
            lines.append(f"  ... and {len(self.problems) - SHOWN} more")
        super().__init__("\n".join(lines))


def suggestion(wrong: str, known: Sequence[str]) -> str:
    """Say the nearest known name, or all of them."""
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known here: {', '.join(sorted(known))}" if known else "nothing can be set here"


def describe(error: ValidationError, settings_class: type[Settings]) -> list[str]:
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
