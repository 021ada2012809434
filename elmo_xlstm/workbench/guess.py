"""What a file is taken for: the kind of task and the settings of its data set."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from elmo_xlstm.config import suggestion
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers.columns import LABEL_NAMES, TEXT_NAMES, shown_separator
from elmo_xlstm.text.sources.files import format_suffix
from elmo_xlstm.workbench.column_file import guess_column_file, schemes_of
from elmo_xlstm.workbench.columns import Columns, Profile, read_json_lines, read_parquet, read_table

Kind = Literal["tagging", "classification", "aspects", "pairs", "question"]
KINDS: tuple[Kind, ...] = ("tagging", "classification", "aspects", "pairs", "question")
FormatName = Literal["csv", "tsv", "jsonl", "conll", "parquet"]
FORMATS: dict[str, FormatName] = {
    **dict.fromkeys((".csv",), "csv"),
    **dict.fromkeys((".tsv", ".tab"), "tsv"),
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), "jsonl"),
    **dict.fromkeys((".conll", ".conllu", ".bio", ".iob", ".iob2", ".ner", ".txt"), "conll"),
    **dict.fromkeys((".parquet", ".pq"), "parquet"),
}
DEFAULT_SEPARATORS = {"csv": ",", "tsv": "\t"}
ENDINGS = {"csv": (".csv",), "tsv": (".tsv", ".tab"), "jsonl": (".jsonl", ".ndjson")}
TWO = re.compile(r"(.*?)[ _-]?(1|2|a|b|one|two)")
SECONDS = {"premise": "hypothesis", "first": "second", "text": "hypothesis", "question": "answer", "query": "document"}
ANSWERED = {
    "question": ("question", "pertanyaan"),
    "passage": ("passage", "context", "konteks", "bacaan"),
    "answer": ("answer", "jawaban"),
    "start": ("answer_start",),
}
SAY = "Say which: --text-column NAME and --label-column NAME (either may be repeated), or --task"


@dataclass(frozen=True)
class Said:
    """What the user says about the file.

    Attributes:
        task: kind of task.
        texts: columns of texts or words.
        labels: columns of labels or tags.
        format: of the file.
        separator: between columns.
        header: whether the first row names the columns.
    """

    task: str | None = None
    texts: Sequence[str] = ()
    labels: Sequence[str] = ()
    format: str | None = None
    separator: str | None = None
    header: bool | None = None


@dataclass(frozen=True)
class Guess:
    """What a file is taken for.

    Attributes:
        kind: of task.
        dataset: settings of the data set, but for its files.
        rows: how many were looked at, in a column file sentences.
        head: settings of the head that the data ask for.
        reasons: what was found, a line each.
    """

    kind: Kind
    dataset: dict[str, Any]
    rows: int
    head: dict[str, Any] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()


def guess(path: Path, said: Said) -> Guess:
    """Look at a file and tell what task it holds.

    Raises:
        UserError: it cannot be told; says what was found and how to say it.
    """
    _refuse_unknown("--task", said.task, KINDS)
    _refuse_unknown("--format", said.format, sorted(set(FORMATS.values())))
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    form = said.format or FORMATS.get(format_suffix(path))
    if form is None:
        raise UserError(f"{path}: the ending tells no format; say it: --format csv, tsv, jsonl, conll or parquet")
    if form == "conll":
        if said.task not in (None, "tagging"):
            raise UserError(f"{path}: is read as a column file, a word a line, which is for tagging, not {said.task}")
        found = guess_column_file(path, said.texts, said.labels, said.separator, said.header)
        return Guess("tagging", found.dataset, found.sentences, {"scheme": found.scheme}, found.reasons)
    if form in DEFAULT_SEPARATORS:
        columns = read_table(path, said.separator, said.header)
        return _of_table(columns, form, format_suffix(path), said)
    columns = read_parquet(path) if form == "parquet" else read_json_lines(path)
    return _of_rows(columns, form, format_suffix(path), said)


def _of_table(columns: Columns, form: str, suffix: str, said: Said) -> Guess:
    """A table, which has no lists."""
    settings = dict(columns.settings)
    reason = f"separated by {shown_separator(settings['separator'])}"
    reason += ", without a header" if settings.get("header") is False else ", with a header"
    if settings["separator"] == DEFAULT_SEPARATORS[form]:
        del settings["separator"]
    if suffix not in ENDINGS[form]:
        settings["format"] = form
    if said.task == "tagging":
        raise UserError(
            f"{columns.path}: tags are not read from a table; write a word and its tag a line, or JSON lines"
        )
    kind, chosen = _labelled(columns, said)
    return Guess(kind, {"type": "files", **settings, **chosen}, columns.rows, reasons=(reason,))


def _of_rows(columns: Columns, form: str, suffix: str, said: Said) -> Guess:
    """JSON lines or Parquet: lists of words and tags, or texts and labels."""
    hub = form == "parquet"
    if not hub and (chosen := _answered(columns)) and said.task in (None, "question"):
        return Guess("question", {"type": "jsonl", **chosen}, columns.rows)
    lists = columns.that_look_like("list")
    if said.task == "tagging" or (said.task is None and lists and not columns.that_look_like("text")):
        words, tags = _words_and_tags(columns, lists, said)
        scheme, names, reasons = schemes_of(set(tags.values))
        renamed = {"label_names": names} if names else {}
        chosen = {"type": "huggingface" if hub else "jsonl", "words": words.name, "tags": tags.name, **renamed}
        return Guess("tagging", chosen, columns.rows, {"scheme": scheme}, tuple(reasons))
    kind, chosen = _labelled(columns, said)
    settings: dict[str, Any] = {"type": "huggingface" if hub else "files"}
    if not hub and suffix not in ENDINGS["jsonl"]:
        settings["format"] = "jsonl"
    return Guess(kind, {**settings, **chosen}, columns.rows)


def _answered(columns: Columns) -> dict[str, Any]:
    """The keys of question, passage and answer, by their names; none if one of them is not there."""
    names = {str(profile.name).strip().lower(): str(profile.name) for profile in columns.profiles}
    found = {key: next((names[name] for name in some if name in names), None) for key, some in ANSWERED.items()}
    if not all(found[key] for key in ("question", "passage", "answer")):
        return {}
    return {key: name for key, name in found.items() if name is not None}


def _words_and_tags(columns: Columns, lists: Sequence[Profile], said: Said) -> tuple[Profile, Profile]:
    """The lists of words and of tags: the latter has fewer different values."""
    words = [columns.find(name) for name in said.texts] or list(lists)
    tags = [columns.find(name) for name in said.labels] or list(lists)
    if not said.labels and len(lists) > 2:
        tags = [profile for profile in lists if _named(profile, LABEL_NAMES)]
    if not said.texts:
        words = [profile for profile in words if profile not in tags or len(tags) > 1]
        words = sorted(words, key=lambda profile: -len(profile.values))[:1]
    tags = [profile for profile in tags if profile not in words]
    if len(words) != 1 or len(tags) != 1:
        raise UserError(
            f"{columns.path}: cannot tell which list holds words and which holds tags; there are:\n{columns.listing}\n"
            "Say which: --text-column NAME --label-column NAME"
        )
    return words[0], tags[0]


def _labelled(columns: Columns, said: Said) -> tuple[Kind, dict[str, Any]]:
    """Kind of task and columns of texts with labels."""
    texts = [columns.find(name) for name in said.texts] or _texts(columns, said)
    labels = [columns.find(name) for name in said.labels] or _labels(columns, texts, said)
    many_labels, two_texts = len(labels) > 1, len(texts) == 2
    kind: Kind = "pairs" if two_texts else "aspects" if many_labels else "classification"
    if said.task == "aspects" and len(labels) == 1 and len(texts) == 1:
        kind = "aspects"
    wrong = len(texts) not in (1, 2) or not labels or (two_texts and many_labels)
    if wrong or (said.task is not None and said.task != kind):
        asked = f" as {said.task}" if said.task else ""
        raise UserError(
            f"{columns.path}: cannot be taken{asked} with {_count(texts, 'text')} and {_count(labels, 'label')}; "
            f"the columns:\n{columns.listing}\n{SAY}"
        )
    if kind == "pairs":
        return kind, {"first": texts[0].name, "second": texts[1].name, "label": labels[0].name}
    if kind == "aspects":
        return kind, {"text": texts[0].name, "aspects": [label.name for label in labels]}
    return kind, {"text": texts[0].name, "label": labels[0].name}


def _texts(columns: Columns, said: Said) -> list[Profile]:
    """The columns of texts: one, one with a text's name, or two that belong together."""
    found = columns.that_look_like("text")
    if len(found) == 2 and (said.task == "pairs" or (said.task is None and _belong_together(*found))):
        return found
    named = [profile for profile in found if _named(profile, TEXT_NAMES)]
    if len(found) > 1 and len(named) != 1:
        raise UserError(f"{columns.path}: several columns look like texts:\n{columns.listing}\n{SAY} pairs")
    return named if len(found) > 1 else found


def _labels(columns: Columns, texts: Sequence[Profile], said: Said) -> list[Profile]:
    """The columns of labels: one, one with a label's name, or several with the same labels."""
    found = [profile for profile in columns.that_look_like("label") if profile not in texts]
    if len(found) <= 1:
        return found
    named = [profile for profile in found if _named(profile, LABEL_NAMES)]
    if len(named) == 1 and said.task != "aspects":
        return named
    together = set().union(*(profile.values for profile in found))
    alike = all(len(set(profile.values)) * 2 >= len(together) for profile in found)
    if said.task == "aspects" or (said.task is None and alike):
        return found
    raise UserError(f"{columns.path}: several columns look like labels:\n{columns.listing}\n{SAY}")


def _belong_together(one: Profile, other: Profile) -> bool:
    """Whether names say that two texts are compared: sentence1 and sentence2, premise and hypothesis."""
    first, second = (str(profile.name).strip().lower() for profile in (one, other))
    matches = [TWO.fullmatch(name) for name in (first, second)]
    stems = {match[1] for match in matches if match}
    return SECONDS.get(first) == second or (all(matches) and len(stems) == 1)


def _named(profile: Profile, names: Collection[str]) -> bool:
    return str(profile.name).strip().lower() in names


def _count(profiles: Sequence[Profile], what: str) -> str:
    names = f" ({', '.join(repr(profile.name) for profile in profiles)})" if profiles else ""
    return f"{len(profiles) or 'no'} {what} column{'' if len(profiles) == 1 else 's'}{names}"


def _refuse_unknown(option: str, given: str | None, known: Sequence[str]) -> None:
    if given is not None and given not in known:
        raise UserError(f"{option} {given}: there is no such; {suggestion(given, known)}")
