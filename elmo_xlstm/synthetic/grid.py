"""Many models on many synthetic tasks: each cell in a process of its own, kept as a file, and never done twice."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from elmo_xlstm.config import Settings, validate
from elmo_xlstm.environment import git_commit, hardware, installed_versions
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.configuration import Sizes
from elmo_xlstm.machine import usable_cores
from elmo_xlstm.progress import NullProgress, Progress, Work
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.files import read_json, to_json
from elmo_xlstm.synthetic.tasks import synthetic_tasks
from elmo_xlstm.synthetic.training import SyntheticTraining, train_cell


class SyntheticSettings(Settings):
    """An experiment on synthetic tasks."""

    synthetic: Annotated[tuple[Annotated[Any, synthetic_tasks], ...], Field(min_length=1)]
    """The tasks."""
    models: Annotated[dict[str, Sizes], Field(min_length=1)]
    """Sizes and backbone of each model, by its name in figures."""
    train: SyntheticTraining = SyntheticTraining()
    seeds: Annotated[int, Field(ge=1)] = 2
    """How many, from 0."""
    output: str = "runs/synthetic"
    """Directory of the results."""


@dataclass(frozen=True)
class Cell:
    """One training: a task, a model, a learning rate, a seed.

    Attributes:
        task: position in ``settings.synthetic``.
        model: its name.
        learning_rate: the peak.
        seed: of weights and data.
    """

    task: int
    model: str
    learning_rate: float
    seed: int

    def settings(self, settings: SyntheticSettings) -> dict[str, Any]:
        """All that decides about the numbers of the cell."""
        training = settings.train.model_dump(mode="json", exclude={"learning_rates"})
        return {
            "task": settings.synthetic[self.task].model_dump(mode="json"),
            "model": settings.models[self.model].model_dump(mode="json"),
            "training": training | {"learning_rate": self.learning_rate},
            "seed": self.seed,
        }

    def file(self, settings: SyntheticSettings) -> Path:
        """Where its result is kept, by what decides about it."""
        digest = hashlib.sha256(json.dumps(self.settings(settings), sort_keys=True).encode()).hexdigest()
        return Path(settings.output) / "cells" / f"{digest[:24]}.json"


def cells(settings: SyntheticSettings) -> Iterator[Cell]:
    """All cells, first seeds first."""
    for seed in range(settings.seeds):
        for task in range(len(settings.synthetic)):
            for model in settings.models:
                for rate in settings.train.learning_rates:
                    yield Cell(task, model, rate, seed)


def run_grid(
    settings: SyntheticSettings, command: str, jobs: int | None = None, progress: Progress | None = None
) -> list[dict[str, Any]]:
    """Run the cells that have no result yet.

    Args:
        settings: of the experiment.
        command: kept with each result.
        jobs: processes at once; one a core by default.
        progress: shows how many cells are done.

    Returns:
        The results of all cells.

    Raises:
        UserError: a cell failed; the others are kept.
    """
    todo = [cell for cell in cells(settings) if not cell.file(settings).exists()]
    (Path(settings.output) / "cells").mkdir(parents=True, exist_ok=True)
    jobs = min(jobs or usable_cores(), max(1, len(todo)))
    failures = []
    with (
        (progress or NullProgress()).task("synthetic", len(todo)) as work,
        ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_one_thread) as pool,
    ):
        waiting = {pool.submit(_run, settings.model_dump(mode="json"), cell, command): cell for cell in todo}
        for done in as_completed(waiting):
            cell = waiting[done]
            if (error := done.exception()) is not None:
                failures.append(f"{_label(settings, cell)}: {error}")
            work.advance(cell=_label(settings, cell))
    if failures:
        raise UserError("\n".join([f"{len(failures)} of {len(todo)} cells failed; the others are kept", *failures]))
    return read_cells(settings)


def _label(settings: SyntheticSettings, cell: Cell) -> str:
    return f"{settings.synthetic[cell.task].name} {cell.model} {cell.learning_rate:g} seed {cell.seed}"


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"


def _run(values: dict[str, Any], cell: Cell, command: str) -> None:
    settings = validate(SyntheticSettings, values)
    sizes = settings.models[cell.model]
    found = train_cell(settings.synthetic[cell.task], sizes, settings.train, cell.learning_rate, cell.seed, Work())
    result = {
        "task_name": settings.synthetic[cell.task].name,
        "model_name": cell.model,
        **cell.settings(settings),
        **found,
        "command": command,
        "git_commit": git_commit(),
        "versions": installed_versions(),
        "hardware": hardware("cpu").model_dump(),
    }
    write_text_atomically(cell.file(settings), to_json(result, indent=2) + "\n")


def read_cells(settings: SyntheticSettings) -> list[dict[str, Any]]:
    """Results of the cells that are done, in the order of :func:`cells`."""
    files = (cell.file(settings) for cell in cells(settings))
    return [read_json(path) for path in files if path.exists()]


def best_of_rates(results: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of each task, model and seed, the learning rate with the best accuracy on lengths of training."""
    best: dict[tuple[str, str, int], dict[str, Any]] = {}
    for result in results:
        key = result["task_name"], result["model_name"], result["seed"]
        if key not in best or result["accuracy"][0] > best[key]["accuracy"][0]:
            best[key] = result
    return list(best.values())
