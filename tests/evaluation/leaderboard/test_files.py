from __future__ import annotations

import shutil

import pytest

from elmo_xlstm.evaluation.leaderboard import build_board, check_leaderboard, plots, write_leaderboard
from elmo_xlstm.evaluation.results import load_results

FILES = ["layer-weights.svg", "nerp-types.svg", "leaderboard.md", "leaderboard.csv", "leaderboard.html"]


@pytest.fixture(scope="module")
def measured(result, tmp_path_factory):
    """Result files alone."""
    directory = tmp_path_factory.mktemp("measured")
    for seed, score in enumerate((0.5, 0.6, 0.7)):
        result(score, seed=seed, types={"PPL": score}, mix={"head": [0.4, 0.6]}).write(directory)
    return directory


@pytest.fixture(scope="module")
def drawn(measured, tmp_path_factory):
    """With a leaderboard, drawn once."""
    directory = tmp_path_factory.mktemp("drawn") / "results"
    shutil.copytree(measured, directory)
    write(directory)
    return directory


@pytest.fixture
def directory(drawn, tmp_path):
    return shutil.copytree(drawn, tmp_path / "results")


def write(directory):
    return write_leaderboard(build_board(load_results(directory)), directory)


def check(directory):
    return check_leaderboard(build_board(load_results(directory)), directory)


def test_what_is_written_passes_the_check(measured, tmp_path):
    directory = shutil.copytree(measured, tmp_path / "results")
    assert len(check(directory)) == 5
    paths = write(directory)
    assert [path.name for path in paths] == FILES
    assert check(directory) == []


def test_writing_again_gives_the_same_bytes(directory):
    paths = write(directory)
    before = [path.read_bytes() for path in paths]
    for path in paths:
        path.unlink()
    assert [path.read_bytes() for path in write(directory)] == before


@pytest.mark.parametrize("name", FILES)
def test_missing_files_are_differences(directory, name):
    path = next(path for path in write(directory) if path.name == name)
    path.unlink()
    assert check(directory) == [f"{path}: missing"]


def test_a_number_typed_by_hand_is_found_with_its_line(directory):
    path = write(directory)[-3]
    text = path.read_text()
    path.write_text(text.replace("60.00 ± 10.00", "66.00 ± 10.00", 1))
    [difference] = check(directory)
    line = 1 + next(i for i, line in enumerate(text.split("\n")) if "60.00 ± 10.00" in line)
    assert difference.startswith(f"{path}:{line}: is ")
    assert "66.00" in difference
    assert "60.00" in difference


@pytest.mark.parametrize("change", [lambda text: text + "more\n", lambda text: text[:-1], lambda text: ""])
@pytest.mark.parametrize("place", [-3, -2, -1])
def test_lines_added_or_lost_are_found(directory, change, place):
    path = write(directory)[place]
    path.write_text(change(path.read_text()))
    [difference] = check(directory)
    assert difference.startswith(str(path))


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text.replace(">PPL<", ">LPP<"), "is not what the results give"),
        (lambda text: text.replace("</svg>", "<script>alert(1)</script></svg>"), "is not what the results give"),
        (lambda text: "<svg><script>alert(1)</script></svg>", "was drawn by something else"),
    ],
)
def test_a_changed_or_foreign_plot_is_found_and_drawn_anew(directory, change, problem):
    *_, plot, _, _, _ = write(directory)
    drawn = plot.read_text()
    plot.write_text(change(drawn))
    assert check(directory) == [f"{plot}: {problem}"]
    write(directory)
    assert plot.read_text() == drawn


def test_another_matplotlib_draws_otherwise_and_passes(directory, monkeypatch):
    monkeypatch.setitem(plots.SETTINGS, "font.size", 7)
    assert len(check(directory)) == 2
    monkeypatch.setattr("matplotlib.__version__", "0.1")
    assert check(directory) == []


def test_a_new_result_makes_the_old_files_wrong(directory, result):
    write(directory)
    result(0.1, seed=3, types={"PPL": 0.1}, mix={"head": [0.9, 0.1]}).write(directory)
    differences = check(directory)
    assert len(differences) == 5
    assert sum("is not what the results give" in difference for difference in differences) == 2


def test_plots_of_results_that_are_gone_are_found_and_deleted_and_those_of_others_left(directory, result):
    write(directory)
    path = result(task="own", types={"A": 0.5}).write(directory)
    write(directory)
    mine = directory / "plots" / "mine.svg"
    mine.write_text("<svg></svg>")
    path.unlink()
    stale = directory / "plots" / "own-types.svg"
    assert f"{stale}: is of results that are no longer there" in check(directory)
    write(directory)
    assert not stale.exists()
    assert mine.exists()
    assert check(directory) == []
