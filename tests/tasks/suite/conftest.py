"""Suites on a small set of tagged sentences."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from elmo_xlstm.tasks.suite.planning import PlannedRun, plan_suite
from elmo_xlstm.tasks.suite.settings import Selection, read_suite


@pytest.fixture
def make_plan(ner_experiment, tmp_path):
    """Plans models ``bilm`` and ``no-bilm`` on the task ``tiny`` below ``tmp_path``."""

    def make(
        *,
        models: tuple[str, ...] = ("bilm", "no-bilm"),
        seeds: int = 1,
        force: bool = False,
        replace: bool = False,
        **changes: Any,
    ) -> list[PlannedRun]:
        entries = []
        for model in models:
            values = copy.deepcopy(ner_experiment(tmp_path, not model.startswith("no-")))
            values["model"] = model
            del values["output"]
            for dotted, value in changes.items():
                section, _, key = dotted.rpartition("__")
                (values[section] if section else values)[key] = value
            entries.append(values)
        suite = read_suite({"experiments": entries, "seeds": seeds}, Selection(output=Path(tmp_path, "runs")))
        return plan_suite(suite, ["python", "cli.py", "suite", "s.jsonnet"], force, replace)

    return make
