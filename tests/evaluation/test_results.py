from __future__ import annotations

import json
import os
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import Confusion, EpochScore, load_results, now
from elmo_xlstm.runs import atomic


def test_written_and_loaded_again(result, tmp_path):
    runs = [
        result(model=model, task=task, seed=seed, types={"PPL": 0.25}, mix={"input": [0.5, 0.5]})
        for task in ("bapos", "nerp")
        for model in ("a", "b-1.0")
        for seed in (0, 1)
    ]
    paths = [run.write(tmp_path) for run in reversed(runs)]
    assert sorted(str(p.relative_to(tmp_path)) for p in paths)[0] == "bapos/a/seed-0.json"
    loaded = load_results(tmp_path)
    assert [run.model_copy(update={"seconds": 12.3456789}) for run in loaded] == runs
    assert loaded[0].score == 0.5


def test_skipped_rows_are_kept_and_no_others_are_written(result, tmp_path):
    plain = result().write(tmp_path).read_text()
    assert "skipped" not in plain and load_results(tmp_path)[0].skipped == {}  # as in files of before it was kept
    written = result(skipped={"my/train.csv": 4}).write(tmp_path)
    assert load_results(tmp_path)[0].skipped == {"my/train.csv": 4}
    written.write_text(written.read_text().replace('"my/train.csv": 4', '"my/train.csv": 0'))
    with pytest.raises(UserError, match="SHA-256 differs"):
        load_results(tmp_path)


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 1), st.floats(0, 1e6))
def test_scores_have_six_decimals_and_settings_keep_all_of_theirs(result, tmp_path_factory, score, seconds):
    directory = tmp_path_factory.mktemp("results")
    run = result(score, seconds=seconds, intervals={"macro_f1": (score / 2, score)})
    values = json.loads(run.write(directory).read_text())
    assert values["metrics"]["macro_f1"] == round(score, 6)
    assert values["intervals"]["macro_f1"] == [round(score / 2, 6), round(score, 6)]
    assert values["config"] == run.config
    assert load_results(directory)[0].write(directory).read_text() == json.dumps(values, indent=2) + "\n"


def test_another_split_has_a_file_of_its_own(result, tmp_path):
    result(0.9, split="valid").write(tmp_path)
    path = result(0.5).write(tmp_path)
    assert path.name == "seed-0.json"
    assert sorted(run.split for run in load_results(tmp_path)) == ["test", "valid"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "../x"}, "model"),
        ({"model": "a/b"}, "model"),
        ({"task": ""}, "task"),
        ({"seed": -1}, "seed"),
        ({"metrics": {"macro_f1": 71.0}}, "metrics"),
        ({"metrics": {"macro_f1": float("nan")}}, "metrics"),
        ({"metrics": {"micro_f1": 0.5}}, "main_metric 'macro_f1' is not among"),
        ({"started": now().replace(tzinfo=None)}, "started"),
        ({"scores": 1}, "scores"),
    ],
)
def test_impossible_values_are_refused(result, values, message):
    with pytest.raises(ValidationError, match=message):
        result(**values)


def test_every_broken_file_is_named_with_all_that_is_wrong(result, tmp_path):
    good = result().write(tmp_path)
    values = json.loads(good.read_text())
    broken = {
        "cut": good.read_text()[:100],
        "list": "[]",
        "keys": json.dumps({k: v for k, v in values.items() if k != "seed"} | {"sed": 0, "split": "tset"}),
        "moved": json.dumps(values),
    }
    for name, text in broken.items():
        (tmp_path / "nerp" / name).mkdir()
        (tmp_path / "nerp" / name / "seed-0.json").write_text(text)
    (tmp_path / "nerp" / "bytes").mkdir()
    (tmp_path / "nerp" / "bytes" / "seed-0.json").write_bytes(b"\xff\xfe")
    with pytest.raises(UserError) as caught:
        load_results(tmp_path)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}: 5 broken result files")
    for name in (*broken, "bytes"):
        assert str(tmp_path / "nerp" / name / "seed-0.json") in message
    assert str(good) + ":" not in message
    for part in ("seed: is required", "sed: unknown key", "split: ", f"belongs at {good}", "not UTF-8", "line "):
        assert part in message


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 10**400}, "whole number beyond"),
        ({"config": {"deep": [[[[10**400]]]]}}, "whole number beyond"),
        ({"confusion": {"labels": [str(n) for n in range(51)], "counts": [[1] * 51] * 51}}, "at most 50 items"),
        ({"metrics": {f"m{n}": 0.5 for n in range(2000)}}, "at most 1000 items"),
        ({"mix": {f"m{n}": {"weights": [1.0], "gamma": 1.0} for n in range(200)}}, "at most 100 items"),
        ({"command": "x" * 2**24}, "more than the 16,777,216 that are read"),
    ],
)
def test_what_would_stall_a_leaderboard_is_refused(result, tmp_path, changes, said):
    path = result().write(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=said):
        load_results(tmp_path)


@pytest.mark.parametrize("kind", ["fifo", "device", "link", "linked directory"])
def test_results_are_plain_files_of_the_directory(result, tmp_path, kind):
    path = result().write(tmp_path / "results")
    other = shutil.copytree(path.parent, tmp_path / "other") / path.name
    path.unlink()
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")
        case "link":
            path.symlink_to(other)
        case "linked directory":
            path.parent.rmdir()
            path.parent.symlink_to(other.parent)
    if kind == "linked directory" and not list((tmp_path / "results").glob("*/*/seed-*.json")):
        return  # some versions of Python do not look there
    with pytest.raises(UserError, match="is no regular file" if kind in ("fifo", "device") else "leads out of"):
        load_results(tmp_path / "results")


def test_other_files_beside_the_results_are_left_alone(result, tmp_path):
    path = result().write(tmp_path)
    (tmp_path / "leaderboard.md").write_text("x")
    (path.parent / "notes.json").write_text("x")
    (path.parent / ".seed-1.json.partial").write_text("x")
    assert len(load_results(tmp_path)) == 1


def test_a_missing_directory_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="no such directory"):
        load_results(tmp_path / "none")


def test_a_crash_while_writing_leaves_the_old_file(result, tmp_path, monkeypatch):
    path = result(0.25).write(tmp_path)
    before = path.read_bytes()

    def crash(*arguments):
        raise OSError("disk full")

    monkeypatch.setattr(atomic.os, "fsync", crash)
    with pytest.raises(OSError, match="disk full"):
        result(0.75).write(tmp_path)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == ["seed-0.json"]


def test_result_files_can_be_read_by_others_as_the_umask_says(result, tmp_path):
    path = result().write(tmp_path)
    (tmp_path / "plain").write_text("x")
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_confusion_curve_and_outcomes_are_kept(labels, tmp_path):
    run = labels()
    run.write(tmp_path)
    [loaded] = load_results(tmp_path)
    assert (loaded.confusion, loaded.outcomes, len(loaded.curve)) == (run.confusion, run.outcomes, 4)
    assert loaded.curve[2] == EpochScore(train_loss=0.333333, validation=0.2)


def test_files_of_before_these_were_kept_still_load(result, tmp_path):
    path = result().write(tmp_path)
    values = json.loads(path.read_text())
    for key in ("confusion", "curve", "outcomes", "sha256"):
        del values[key]
    path.write_text(json.dumps(values))
    [loaded] = load_results(tmp_path)
    assert (loaded.confusion, loaded.curve, loaded.outcomes) == (None, [], None)


@pytest.mark.parametrize(
    ("labels", "counts", "message"),
    [
        (["a", "b"], [[1, 2]], "2 rows of 2"),
        (["a", "b"], [[1, 2], [3]], "2 rows of 2"),
        (["a", "a"], [[1, 2], [3, 4]], "twice"),
        (["a"], [[-1]], "greater than or equal to 0"),
        ([], [], "at least 1"),
    ],
)
def test_a_confusion_that_is_none_is_refused(labels, counts, message):
    with pytest.raises(ValidationError, match=message):
        Confusion(labels=labels, counts=counts)


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), None])
def test_a_loss_that_is_not_finite_is_null(loss):
    assert EpochScore(train_loss=loss, validation=0.5).train_loss is None
