from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from elmo_xlstm.config import ConfigError
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.suite.settings import Selection, Suite, read_suite


@pytest.fixture
def entries(ner_experiment, tmp_path) -> list[dict[str, Any]]:
    """Two tasks, each with the language model and without."""
    made = []
    for task in ("one", "two"):
        for bilm in (True, False):
            values = copy.deepcopy(ner_experiment(tmp_path, bilm, name=task))
            del values["output"]
            if not bilm:
                values["embedder"] = None
            made.append(values)
    return made


def chosen(suite: Suite) -> list[tuple[str, str]]:
    return [(e.settings.task.name, e.settings.model) for e in suite.experiments]


def test_all_of_it(entries) -> None:
    suite = read_suite({"experiments": entries}, Selection())
    assert chosen(suite) == [("one", "bilm"), ("one", "no-bilm"), ("two", "bilm"), ("two", "no-bilm")]
    assert (suite.seeds, suite.output) == (3, "runs")
    settings = suite.experiments[0].with_seed(2, suite.output)
    assert settings.seed == 2 and settings.directory == Path("runs/one/bilm/seed-2")
    assert settings.output is None  # as finetune makes it
    assert suite.experiments[1].with_seed(0, "else").directory == Path("else/one/no-bilm/seed-0")


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(tasks=["two"]), [("two", "bilm"), ("two", "no-bilm")]),
        (Selection(models=["bilm"]), [("one", "bilm"), ("two", "bilm")]),
        (Selection(tasks=["one", "two"], models=["no-bilm"]), [("one", "no-bilm"), ("two", "no-bilm")]),
    ],
)
def test_filters(entries, selection, expected) -> None:
    assert chosen(read_suite({"experiments": entries}, selection)) == expected


def test_options_win(entries) -> None:
    suite = read_suite({"experiments": entries, "seeds": 2, "output": "a"}, Selection(seeds=5, output=Path("b")))
    assert (suite.seeds, suite.output) == (5, "b")


def test_names_that_are_not_there(entries) -> None:
    values = {"experiments": entries}
    with pytest.raises(UserError, match="--tasks oen: no such task in the suite; did you mean 'one'"):
        read_suite(values, Selection(tasks=["oen"]))
    with pytest.raises(UserError, match="--models x: no such model in the suite; known here: bilm, no-bilm"):
        read_suite(values, Selection(models=["bilm", "x"]))
    with pytest.raises(UserError, match="no experiment has one of the tasks two and one of the models no-bilm"):
        read_suite({"experiments": entries[:3]}, Selection(tasks=["two"], models=["no-bilm"]))


def test_overrides_go_to_the_chosen_that_have_the_section(entries) -> None:
    before = copy.deepcopy(entries)
    selection = Selection(tasks=["one"], overrides=["trainer.epochs=7", "embedder.model=other"])
    bilm, baseline = read_suite({"experiments": entries}, selection).experiments
    assert entries == before
    assert bilm.settings.trainer.epochs == baseline.settings.trainer.epochs == 7
    assert bilm.settings.embedder is not None and bilm.settings.embedder.model == "other"
    assert baseline.settings.embedder is None
    assert (list(bilm.overrides), list(baseline.overrides)) == (list(selection.overrides), ["trainer.epochs=7"])
    del entries[1]["embedder"]  # absent is as null
    assert read_suite({"experiments": entries}, selection).experiments[1].settings.embedder is None


def test_overrides_that_change_nothing(entries) -> None:
    selection = Selection(models=["no-bilm"], overrides=["trainer.epochs=7", "embedder.model=other"])
    with pytest.raises(ConfigError, match="-o embedder.model=other: no chosen experiment has that section"):
        read_suite({"experiments": entries}, selection)


def test_an_override_of_the_name(entries) -> None:
    suite = read_suite({"experiments": entries}, Selection(models=["bilm"], overrides=["model=larger"]))
    assert [(e.model, e.settings.model) for e in suite.experiments] == [("bilm", "larger")] * 2


def test_every_problem_of_every_experiment(entries) -> None:
    entries[1]["task"]["head"]["crff"] = True
    entries[3]["trainer"]["epochs"] = "many"
    entries[3]["modle"] = "x"
    with pytest.raises(ConfigError) as caught:
        read_suite({"experiments": [*entries, 5], "sedes": 2}, Selection())
    starts = [problem.partition(": ")[0] for problem in caught.value.problems]
    assert set(starts) == {
        "experiments[1].task.head.crff",
        "experiments[3].trainer.epochs",
        "experiments[3].modle",
        "experiments[4]",
        "sedes",
    }


@pytest.mark.parametrize("values", [{}, {"experiments": []}, {"experiments": 3}])
def test_no_experiments(values) -> None:
    with pytest.raises(ConfigError, match="experiments: "):
        read_suite(values, Selection())


def test_two_of_a_name(entries) -> None:
    entries[2]["task"]["name"] = "one"
    with pytest.raises(ConfigError, match=r"experiments\[2\] and experiments\[0\] both are model 'bilm' on task 'one'"):
        read_suite({"experiments": entries}, Selection())


def test_one_directory_for_all_seeds(entries) -> None:
    entries[2]["output"] = "runs/mine"
    with pytest.raises(ConfigError, match=r"experiments\[2\].output: one directory cannot hold all seeds"):
        read_suite({"experiments": entries}, Selection())
