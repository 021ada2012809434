"""``init``: an experiment and its twin without the language model, made from files of one's own."""

from __future__ import annotations

import re
import shlex
import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.tasks.data.examples import Example, Splits
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.terminal import this_command
from elmo_xlstm.text.sources.files import SUFFIXES
from elmo_xlstm.workbench.guess import Guess, Said, guess
from elmo_xlstm.workbench.jsonnet_text import to_jsonnet

ROLES = {
    "train": ("train", "training", "latih"),
    "valid": ("valid", "validation", "val", "dev", "eval"),
    "test": ("test", "testing", "uji"),
}
SMALL = 1000
VERY_SMALL = 300
SHOWN = 12
TWIN = "(import '{name}.jsonnet') + (import 'elmo-xlstm/shared/without_bilm.libsonnet')\n"


@dataclass(frozen=True)
class Started:
    """What ``init`` made.

    Attributes:
        experiment: the file of the experiment.
        twin: the file of the one without the language model.
        guess: what the data were taken for.
        splits: the data, as the experiment reads them.
    """

    experiment: Path
    twin: Path
    guess: Guess
    splits: Splits[Any]


def start(files: Sequence[Path], said: Said, name: str | None, directory: Path, force: bool = False) -> Started:
    """Look at files, and write an experiment and its twin.

    Args:
        files: all of the data; or train, valid and test, in this order or told by their names.
        said: what the user says of them.
        name: of the task and the experiment; by default the file's.
        directory: where the experiment goes.
        force: replace files of that name.

    Raises:
        UserError: it cannot be told what the files are, they cannot be read, or an experiment is there already.
    """
    parts = assign(files)
    name = name or _name_of(parts["train"])
    paths = directory / f"{name}.jsonnet", directory / f"{name}_baseline.jsonnet"
    for path in paths:
        if path.exists() and not force:
            raise UserError(f"{path}: is there already; take another --name or --output, or --force to replace it")
    found = guess(parts["train"], said)
    values, splits = _readable(name, found, parts)
    values["trainer"] = _trainer(found.kind, len(splits.train))
    if found.kind not in ("tagging", "question") or _is_lower_cased(splits.train):
        values["task"]["lower_case"] = True
    validate(FinetuneSettings, values, origin=str(paths[0]))
    directory.mkdir(parents=True, exist_ok=True)
    write_text_atomically(paths[0], _experiment_text(paths[0], values))
    write_text_atomically(paths[1], f"// {name} without the language model.\n{TWIN.format(name=name)}")
    return Started(*paths, found, splits)


def assign(files: Sequence[Path]) -> dict[str, Path]:
    """Which file is train, valid and test: by words in their names, or by their order if there are one or three.

    Raises:
        UserError: it cannot be told.
    """
    roles = [_role_of(path) for path in files]
    if len(files) == 1:
        return {"train": files[0]}
    if len(set(roles)) == len(roles) and "train" in roles and None not in roles:
        named = dict(zip(roles, files, strict=True))
        return {role: named[role] for role in ROLES if role in named}
    if len(files) == 3 and not any(roles):
        return dict(zip(ROLES, files, strict=True))
    raise UserError(
        f"cannot tell which of {', '.join(map(str, files))} is for training, validation and testing; give one file, or "
        "files with train, valid and test in their names, or three in that order"
    )


def report(started: Started) -> list[str]:
    """What was found, and what to do next, in lines."""
    found, splits = started.guess, started.splits
    columns = {key: value for key, value in found.dataset.items() if key != "type"}
    examples = [*splits.train, *splits.valid, *splits.test]
    lengths = sorted(sum(map(len, example.parts)) for example in examples)
    sizes = ", ".join(f"{len(getattr(splits, part))} {part}" for part in ROLES)
    program = this_command()
    commands = [shlex.join([*program, "finetune", str(path)]) for path in (started.experiment, started.twin)]
    lines = [
        f"taken for: {found.kind}, {', '.join(f'{key} {value!r}' for key, value in columns.items()) or 'as it stands'}",
        *found.reasons,
        f"examples: {sizes}",
        f"words: {statistics.median(lengths):.0f} in the middle, {lengths[int(0.95 * (len(lengths) - 1))]} at 95 %, "
        f"{lengths[-1]} at most",
        f"labels: {_counts(_label_counts(examples))}",
        *_odd(examples, splits),
        f"written: {started.experiment}, {started.twin}",
        "next:",
        *(f"  {command}" for command in commands),
    ]
    return lines


def _readable(name: str, found: Guess, parts: dict[str, Path]) -> tuple[dict[str, Any], Splits[Any]]:
    """The experiment's values and its data; bad rows are skipped if there are any.

    Raises:
        UserError: the data cannot be read even so.
    """
    dataset = {**found.dataset, **_places(found, parts)}
    shares = {part: 0.2 if part == "test" and found.rows < VERY_SMALL else 0.1 for part in ("valid", "test")}
    dataset |= {f"{part}_fraction": share for part, share in shares.items() if part not in parts}
    task: dict[str, Any] = {"type": found.kind, "name": name, "dataset": dataset}
    if found.kind != "question":
        task["main_metric"] = "micro_f1" if found.kind == "tagging" else "macro_f1"
    if found.head:
        task["head"] = found.head
    values: dict[str, Any] = {"task": task}
    for on_bad_row in ({}, {"on_bad_row": "skip"}):
        dataset |= on_bad_row
        settings = validate(FinetuneSettings, values, origin=str(parts["train"]))
        try:
            return values, settings.task.build(None).read_data()
        except UserError:
            if on_bad_row:
                raise
    raise AssertionError


def _places(found: Guess, parts: dict[str, Path]) -> dict[str, Any]:
    if found.dataset["type"] != "huggingface":
        return {part: str(path) for part, path in parts.items()}
    return {
        "name": "parquet",
        "data_files": {part: str(path) for part, path in parts.items()},
        **{part: part for part in parts},
    }


def _trainer(kind: str, examples: int) -> dict[str, Any]:
    """More epochs and smaller batches for fewer examples; the rate falls to zero within a set number of epochs."""
    rate = 2e-3 if kind == "tagging" else 1e-3
    if examples < SMALL:
        sizes = {"epochs": 20, "batch_size": 8, "learning_rate": 2 * rate}
    else:
        sizes = {"epochs": 8, "batch_size": 32, "learning_rate": rate}
    return {**sizes, "patience": None, "schedule": {"type": "linear", "warmup": 0.1}}


def _experiment_text(path: Path, values: dict[str, Any]) -> str:
    task = values["task"]
    lines = [
        f"{task['name']}: {task['type']} on data of one's own, with the bundled language model.",
        f"  {shlex.join(this_command('finetune', str(path)))}",
        f"All that can be set, with its defaults: {shlex.join(this_command('config', 'show', str(path)))}",
    ]
    comments = (f"// {' '.join(line.splitlines())}\n" for line in lines)  # a path may hold line ends
    return f"{''.join(comments)}{to_jsonnet(values)}\n"


def _name_of(path: Path) -> str:
    """A task's name from a file's; from its directory's where the file's only says which part it is."""
    stem = _stem(path)
    if set(re.split(r"[^a-z]+", stem.lower())) <= {"", *(word for words in ROLES.values() for word in words)}:
        stem = path.resolve().parent.name
    name = re.sub(r"[^A-Za-z0-9._+-]+", "_", stem)[:80].strip("._+-")
    if not name:
        raise UserError(f"{path}: its name makes no name of a task; give one: --name")
    return name


def _stem(path: Path) -> str:
    return (path.with_suffix("") if path.suffix in SUFFIXES else path).stem


def _role_of(path: Path) -> str | None:
    words = re.split(r"[^a-z]+", _stem(path).lower())
    return next((role for role, names in ROLES.items() if set(words) & set(names)), None)


def _is_lower_cased(examples: Sequence[Example]) -> bool:
    return all(word == word.lower() for example in examples for words in example.parts for word in words)


def _label_counts(examples: Sequence[Example]) -> Counter[str]:
    return Counter(label for example in examples for label in example.gold or ())


def _counts(counts: Counter[str]) -> str:
    more = f" and {len(counts) - SHOWN} more" if len(counts) > SHOWN else ""
    return ", ".join(f"{label} {count}" for label, count in counts.most_common(SHOWN)) + more


def _odd(examples: Sequence[Example], splits: Splits[Any]) -> list[str]:
    """What a person should look at, a line each."""
    lines = [
        f"odd: {path}: {count} bad rows are left out (on_bad_row: 'skip')" for path, count in splits.skipped.items()
    ]
    counts = _label_counts(examples)
    alike: dict[str, list[str]] = {}
    for label in counts:
        alike.setdefault(" ".join(label.casefold().split()), []).append(label)
    lines += [
        f"odd: labels that differ in case or blanks alone: {', '.join(labels)}; label_names can make one of them"
        for labels in alike.values()
        if len(labels) > 1
    ]
    if once := [label for label, count in counts.items() if count == 1]:
        lines.append(f"odd: labels that occur once: {', '.join(once[:SHOWN])}; typing errors?")
    golds: dict[Any, set[Any]] = {}
    for example in examples:
        golds.setdefault(tuple(map(tuple, example.parts)), set()).add(example.gold)
    if repeated := len(examples) - len(golds):
        differing = sum(len(gold) > 1 for gold in golds.values())
        lines.append(f"odd: {repeated} examples repeat the words of another, {differing} texts have several labels")
    return lines
