from __future__ import annotations

import io
import json
import shutil
from pathlib import Path

import pytest

from elmo_xlstm.evaluation.results import RunResult, read_result
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.tasks.finetuning import run_finetuning
from elmo_xlstm.tasks.run_contents import DATA_FILE, EMBEDDER_DIRECTORY
from elmo_xlstm.tasks.suite import planning
from elmo_xlstm.tasks.suite.planning import PlannedRun, State, results_of
from elmo_xlstm.tasks.suite.tables import plan_table, problem_lines, summary_table


@pytest.fixture
def finished(make_plan, model_directory, tmp_path) -> RunResult:
    """A run of ``bilm`` as the suite would leave it, its language model beside it."""
    (run,) = make_plan(models=("bilm",), trainer__epochs=1)
    with open_run(run.settings.directory, run.settings):
        return run_finetuning(run.settings, run.settings.directory, run.command, resume=True)


def states(plan: list[PlannedRun]) -> list[State]:
    return [run.state for run in plan]


def text(table) -> str:
    from rich.console import Console

    console = Console(width=200, record=True, file=io.StringIO())
    console.print(table)
    return console.export_text()


def test_nothing_is_there(make_plan) -> None:
    plan = make_plan(seeds=2)
    assert [run.key for run in plan] == [
        ("tiny", "bilm", 0),
        ("tiny", "no-bilm", 0),
        ("tiny", "bilm", 1),
        ("tiny", "no-bilm", 1),
    ]
    assert {run.state for run in plan} == {State.NEW} and {run.seconds for run in plan} == {None}
    assert plan[2].command == "python cli.py suite s.jsonnet --tasks tiny --models bilm --seeds 2"
    shown = text(plan_table(plan, 2))
    assert "4 of 4 runs to do; time unknown for 4" in shown and "seeds 0, 1" in shown and "unknown" in shown


def test_seeds_are_not_taken_for_their_number(make_plan, finished) -> None:
    shown = text(plan_table(make_plan(trainer__epochs=1), 2))
    assert [line.split("│")[3:5] for line in shown.splitlines() if "│ tiny" in line] == [
        [" seed 0 ", " none   "],
        [" none   ", " seed 0 "],
    ]


def test_what_is_missing_is_named_once(make_plan, tmp_path) -> None:
    changes = {"embedder__model": str(tmp_path / "hilang"), "trainer__epochs": 1}
    plan = make_plan(models=("a", "b"), seeds=2, **changes)
    for run in plan:
        assert run.missing == (str(tmp_path / "hilang"),)
    assert problem_lines(plan) == [f"{tmp_path / 'hilang'}: is not there, and is needed by tiny a, tiny b"]
    gone = str(tmp_path / "hilang.conll")
    dataset = {"type": "conll", "train": gone, "valid": gone, "test": gone}
    assert {run.missing for run in make_plan(seeds=2, task__dataset=dataset)} == {(gone,)}


def test_a_model_of_the_hub_is_not_looked_for(make_plan) -> None:
    (run,) = make_plan(models=("a",), embedder__model="somebody/something")
    assert run.missing == ()


def test_times_of_the_source_tree_are_a_guide(make_plan, finished, tmp_path, monkeypatch) -> None:
    finished.write(tmp_path / "shipped")
    (run,) = make_plan(models=("bilm",), trainer__epochs=1, results=str(tmp_path / "none"), force=True)
    assert run.seconds is None
    monkeypatch.setattr(planning, "SHIPPED_RESULTS", tmp_path / "shipped")
    (run,) = make_plan(models=("bilm",), trainer__epochs=2, results=str(tmp_path / "none"), force=True)
    assert run.seconds == pytest.approx(2 * finished.seconds, rel=0.01)


def test_a_result_of_other_data_is_stale(make_plan, finished) -> None:
    (run,) = make_plan(models=("bilm",), trainer__epochs=1)
    assert run.state is State.DONE
    train = run.settings.task.dataset.train
    content = train.read_bytes()
    train.write_bytes(content + b"\nBaru\tO\n\n")
    (run,) = make_plan(models=("bilm",), trainer__epochs=1)
    assert run.state is State.STALE and run.reason == f"{train.name}: other data now"
    train.unlink()  # what is gone cannot tell
    assert states(make_plan(models=("bilm",), trainer__epochs=1)) == [State.DONE]
    train.write_bytes(content)
    assert states(make_plan(models=("bilm",), trainer__epochs=1)) == [State.DONE]


def test_an_unfinished_run_on_other_data_is_stale(make_plan, finished) -> None:
    (run,) = make_plan(models=("bilm",), trainer__epochs=1)
    finished.path(Path(run.settings.results)).unlink()  # as if it had been stopped before its end
    assert states(make_plan(models=("bilm",), trainer__epochs=1)) == [State.UNFINISHED]
    train = run.settings.task.dataset.train
    content = train.read_bytes()
    try:
        train.write_bytes(content + b"\nBaru\tO\n\n")
        (run,) = make_plan(models=("bilm",), trainer__epochs=1)
    finally:
        train.write_bytes(content)  # other tests read it too
    assert run.state is State.STALE and run.reason == f"{train.name}: other data now"
    (run.settings.directory / DATA_FILE).write_text("{")
    (run,) = make_plan(models=("bilm",), trainer__epochs=1)
    assert run.state is State.STALE and run.reason == "its config.json or data.json is damaged"


def test_a_run_begun_anew_on_todays_data_goes_on_beside_its_old_result(make_plan, finished) -> None:
    (run,) = make_plan(models=("bilm",), trainer__epochs=1)
    old = {name: "0" * 64 for name in finished.data}
    finished.model_copy(update={"data": old}).write(Path(run.settings.results))
    assert states(make_plan(models=("bilm",), trainer__epochs=1)) == [State.UNFINISHED]
    (run.settings.directory / DATA_FILE).unlink()  # of a version that wrote none: the result alone tells
    assert states(make_plan(models=("bilm",), trainer__epochs=1)) == [State.STALE]


def test_finished_runs(make_plan, finished, tmp_path) -> None:
    plan = make_plan(trainer__epochs=1, seeds=2)
    assert states(plan) == [State.DONE, State.NEW, State.NEW, State.NEW]
    assert plan[0].seconds is None and plan[2].seconds == pytest.approx(finished.seconds, abs=1e-5)
    assert results_of(plan) == [make_result(tmp_path, finished)]
    assert "3 of 4 runs to do; about" in text(plan_table(plan, 2))
    shutil.rmtree(plan[0].settings.directory)  # its result is enough
    assert states(make_plan(trainer__epochs=1)) == [State.DONE, State.NEW]
    forced = make_plan(trainer__epochs=1, force=True)
    assert states(forced) == [State.NEW, State.NEW] and forced[0].replace


def make_result(directory: Path, result: RunResult) -> RunResult:
    return read_result(result.path(directory / "results"))


def test_places_do_not_matter(make_plan, finished, tmp_path) -> None:
    assert states(make_plan(models=("bilm",), trainer__epochs=1, embedder__store="elsewhere")) == [State.DONE]


def test_settings_added_since_have_their_defaults(make_plan, finished, tmp_path) -> None:
    for path in (finished.path(tmp_path / "results"), Path(str(finished.config["output"])) / "config.json"):
        values = json.loads(path.read_text())
        del values.get("config", values)["trainer"]["gradient_clip"]
        del values.get("config", values)["embedder"]["fine_tune"]
        values.pop("sha256", None)
        path.write_text(json.dumps(values))
    assert states(make_plan(models=("bilm",), trainer__epochs=1)) == [State.DONE]
    finished.path(tmp_path / "results").unlink()
    assert states(make_plan(models=("bilm",), trainer__epochs=1)) == [State.UNFINISHED]


def test_other_settings(make_plan, finished) -> None:
    (run,) = plan = make_plan(models=("bilm",), trainer__epochs=2)
    assert run.state is State.STALE and run.reason == "trainer.epochs: 1 → 2"
    assert run.seconds == pytest.approx(2 * finished.seconds, abs=1e-5)
    assert problem_lines(plan) == ["tiny bilm seed 0: trainer.epochs: 1 → 2"] and results_of(plan) == []
    (run,) = make_plan(models=("bilm",), trainer__epochs=2, replace=True)
    assert run.state is State.NEW and run.replace and results_of([run]) == []


def test_a_language_model_that_learns_is_another_run(make_plan, finished) -> None:
    (run,) = make_plan(models=("bilm",), trainer__epochs=1, embedder__fine_tune={})
    assert run.state is State.STALE and run.reason.startswith("embedder.fine_tune: null → ")


def test_a_seed_of_another_configuration_that_is_not_run_again_makes_the_row_stale(
    make_plan, finished, tmp_path
) -> None:
    config = {**finished.config, "seed": 5, "results": "elsewhere"}
    finished.model_copy(update={"seed": 5, "config": config}).write(tmp_path / "results")
    assert states(make_plan(models=("bilm",), trainer__epochs=1)) == [State.DONE]
    config["trainer"] = {**config["trainer"], "epochs": 2}
    finished.model_copy(update={"seed": 5, "config": config}).write(tmp_path / "results")
    (run,) = make_plan(models=("bilm",), trainer__epochs=1)
    assert run.state is State.STALE and "seed 5 has another configuration (trainer.epochs: 2 → 1)" in run.reason


def test_settings_that_are_gone(make_plan, finished, tmp_path) -> None:
    path = finished.path(tmp_path / "results")
    values = json.loads(path.read_text())
    values["config"]["trainer"]["momentum"] = 0.9
    del values["sha256"]
    path.write_text(json.dumps(values))
    (run,) = make_plan(models=("bilm",), trainer__epochs=1)
    assert run.state is State.UNFINISHED  # its directory is of the present settings
    shutil.rmtree(run.settings.directory)
    (run,) = make_plan(models=("bilm",), trainer__epochs=1)
    assert run.state is State.STALE and "trainer.momentum" in run.reason


def test_another_language_model_at_the_same_place(make_plan, make_model, tiny_tokenizer, tmp_path) -> None:
    from elmo_xlstm.lm.model_files import save_model

    place = tmp_path / "bilm"
    save_model(make_model(tiny_tokenizer, seed=1), tiny_tokenizer, place)
    changes = {"trainer__epochs": 1, "embedder__model": str(place)}
    (run,) = make_plan(models=("bilm",), **changes)
    directory = run.settings.directory
    with open_run(directory, run.settings):
        result = run_finetuning(run.settings, directory, run.command)
    assert states(make_plan(models=("bilm",), **changes)) == [State.DONE]
    shutil.rmtree(place)
    assert states(make_plan(models=("bilm",), **changes)) == [State.DONE]  # nothing to compare with
    save_model(make_model(tiny_tokenizer, seed=2), tiny_tokenizer, place)
    (run,) = make_plan(models=("bilm",), **changes)
    assert run.state is State.STALE and run.reason == f"{place} holds another language model now"
    result.path(tmp_path / "results").unlink()
    assert states(make_plan(models=("bilm",), **changes)) == [State.STALE]  # the run keeps the other model
    shutil.rmtree(directory / EMBEDDER_DIRECTORY)
    assert states(make_plan(models=("bilm",), **changes)) == [State.UNFINISHED]


def test_unfinished_runs(make_plan) -> None:
    (run,) = make_plan(models=("no-bilm",))
    with open_run(run.settings.directory, run.settings):
        pass
    assert states(make_plan(models=("no-bilm",))) == [State.UNFINISHED]
    (other,) = make_plan(models=("no-bilm",), trainer__epochs=9)
    assert other.state is State.STALE and other.reason == "trainer.epochs: 3 → 9"


def test_damaged_results_are_measured_again(make_plan, finished, tmp_path, caplog) -> None:
    path = finished.path(tmp_path / "results")
    path.write_text(path.read_text()[:100])
    assert states(make_plan(models=("bilm",), trainer__epochs=1)) == [State.UNFINISHED]
    assert f"{path}: no valid result" in caplog.text


def test_summary(finished) -> None:
    seeds = [finished.model_copy(update={"seed": seed, "metrics": {"macro_f1": 0.5 + seed / 10}}) for seed in (0, 1)]
    other = finished.model_copy(update={"task": "else", "model": "no-bilm", "metrics": {"macro_f1": 0.25}})
    shown = text(summary_table([*seeds, other]))
    assert "55.00 ± 7.07 (2)" in shown and "25.00 (1)" in shown and "no-bilm" in shown
