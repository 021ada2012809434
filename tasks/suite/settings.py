"""A suite's file with all its experiments, and the selected part of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, model_validator

from elmo_xlstm.config import ConfigError, Settings, apply_overrides, suggestion, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.defaults import complete
from elmo_xlstm.tasks.finetuning import FinetuneSettings

# Sections that an experiment may lack; an override inside one says nothing to an experiment without it.
OPTIONAL_SECTIONS = {name: None for name, field in FinetuneSettings.model_fields.items() if field.default is None}


class SuiteSettings(Settings):
    """Task experiments, each run with several seeds."""

    experiments: Annotated[list[FinetuneSettings], Field(min_length=1)]
    """Whole task experiments; their own ``seed`` is not used, and they have no ``output``."""
    seeds: Annotated[int, Field(gt=0)] = 3
    """How many, from 0."""
    output: str = "runs"
    """Runs are <output>/<task>/<model>/seed-<seed>."""

    @model_validator(mode="after")
    def _every_run_has_its_own_place(self) -> SuiteSettings:
        problems, seen = [], dict[tuple[str, str], int]()
        for index, experiment in enumerate(self.experiments):
            name = (experiment.task.name, experiment.model)
            first = seen.setdefault(name, index)
            if first != index:
                problems.append(
                    f"experiments[{index}] and experiments[{first}] both are model '{name[1]}' on task '{name[0]}'; "
                    "name one of them differently"
                )
            if experiment.output is not None:
                problems.append(
                    f"experiments[{index}].output: one directory cannot hold all seeds; leave it out "
                    "(the suite's own output is the directory of all runs)"
                )
        if problems:
            raise ValueError("; ".join(problems))
        return self


@dataclass(frozen=True)
class Selection:
    """The selected part of a suite: names of tasks and models (all if empty), and what goes before the suite's own."""

    tasks: Sequence[str] = ()
    models: Sequence[str] = ()
    seeds: int | None = None
    output: Path | None = None
    overrides: Sequence[str] = ()


@dataclass(frozen=True)
class Experiment:
    """One experiment of a suite by its names there, the overrides about a section that it has, and its settings."""

    task: str
    model: str
    overrides: Sequence[str]
    settings: FinetuneSettings

    def with_seed(self, seed: int, output: str) -> FinetuneSettings:
        """The settings of one run below ``output``."""
        directory = Path(output, self.settings.task.name, self.settings.model, f"seed-{seed}")
        place = {} if output == "runs" else {"output": str(directory)}
        return self.settings.model_copy(update={"seed": seed, **place})


@dataclass(frozen=True)
class Suite:
    """The chosen part of a suite."""

    experiments: Sequence[Experiment]
    seeds: int
    output: str


def read_suite(values: dict[str, Any], selection: Selection, origin: str = "suite") -> Suite:
    """Validate a suite, or one experiment as one of its seeds or folds, and choose a part (ConfigError, UserError)."""
    values = dict(values) if "task" not in values else _of_one(values)
    if selection.seeds is not None:
        values["seeds"] = selection.seeds
    if selection.output is not None:
        values["output"] = str(selection.output)
    given = values.get("experiments")
    entries = dict(enumerate(given)) if isinstance(given, list) else {}
    entries = {index: complete(entry) for index, entry in entries.items() if isinstance(entry, dict)}
    names = {index: _names(entry) for index, entry in entries.items()}
    _refuse_unknown("task", selection.tasks, {task for task, _ in names.values()})
    _refuse_unknown("model", selection.models, {model for _, model in names.values()})
    overrides = {
        index: [override for override in selection.overrides if _reaches(entries[index], override)]
        for index, (task, model) in names.items()
        if (not selection.tasks or task in selection.tasks) and (not selection.models or model in selection.models)
    }
    used = {override for some in overrides.values() for override in some}
    if idle := [override for override in selection.overrides if overrides and override not in used]:
        raise ConfigError("overrides", [f"-o {override}: no chosen experiment has that section" for override in idle])
    if isinstance(given, list):
        changed = {i: apply_overrides(OPTIONAL_SECTIONS | entries[i], some) for i, some in overrides.items()}
        values["experiments"] = [changed.get(index, entry) for index, entry in enumerate(given)]
    settings = validate(SuiteSettings, values, origin)
    experiments = [Experiment(*names[i], some, settings.experiments[i]) for i, some in overrides.items()]
    if not experiments:
        raise UserError(
            f"{origin}: no experiment has one of the tasks {', '.join(selection.tasks)} "
            f"and one of the models {', '.join(selection.models)}"
        )
    return Suite(experiments, settings.seeds, settings.output)


def _of_one(experiment: dict[str, Any]) -> dict[str, Any]:
    """A suite of one experiment, with a seed for each fold of its data if these are cross-validated."""
    task = experiment["task"]
    dataset = task.get("dataset") if isinstance(task, dict) else None
    folds = dataset.get("folds") if isinstance(dataset, dict) else None
    return {"experiments": [experiment], **({"seeds": folds} if folds is not None else {})}


def _names(entry: dict[str, Any]) -> tuple[str, str]:
    task = entry.get("task")
    return str(task.get("name", "") if isinstance(task, dict) else ""), str(entry.get("model", ""))


def _refuse_unknown(kind: str, asked: Sequence[str], known: Collection[str]) -> None:
    if unknown := [name for name in asked if name not in known]:
        lines = (
            f"--{kind}s {name}: no such {kind} in the suite; {suggestion(name, sorted(known))}" for name in unknown
        )
        raise UserError("\n".join(lines))


def _reaches(entry: dict[str, Any], override: str) -> bool:
    """Whether no section on the way is null; what is wrong otherwise is for apply_overrides and validation to say."""
    here: Any = OPTIONAL_SECTIONS | entry
    for key in override.partition("=")[0].split(".")[:-1]:
        if not isinstance(here, dict):
            return True
        here = here.get(key, {})
        if here is None:
            return False
    return True
