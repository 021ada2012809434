from __future__ import annotations

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.leaderboard import check_leaderboard, write_leaderboard
from elmo_xlstm.evaluation.results import ResultError


@pytest.fixture
def directory(result, tmp_path):
    for seed, score in enumerate((0.5, 0.6, 0.7)):
        result(score, seed=seed).write(tmp_path)
    return tmp_path


def test_what_is_written_passes_the_check(directory):
    assert len(check_leaderboard(directory)) == 3
    paths = write_leaderboard(directory)
    assert [path.name for path in paths] == ["leaderboard.md", "leaderboard.csv", "leaderboard.html"]
    assert check_leaderboard(directory) == []
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_leaderboard(directory)] == before


def test_missing_files_are_differences(directory):
    write_leaderboard(directory)[1].unlink()
    assert check_leaderboard(directory) == [f"{directory / 'leaderboard.csv'}: missing"]


def test_a_number_typed_by_hand_is_found_with_its_line(directory):
    path = write_leaderboard(directory)[0]
    text = path.read_text()
    path.write_text(text.replace("60.00 ± 10.00", "66.00 ± 10.00", 1))
    [difference] = check_leaderboard(directory)
    line = 1 + next(i for i, line in enumerate(text.split("\n")) if "60.00 ± 10.00" in line)
    assert difference.startswith(f"{path}:{line}: is ")
    assert "66.00" in difference
    assert "60.00" in difference


@pytest.mark.parametrize("change", [lambda text: text + "more\n", lambda text: text[:-1], lambda text: ""])
def test_lines_added_or_lost_are_found(directory, change):
    path = write_leaderboard(directory)[1]
    path.write_text(change(path.read_text()))
    assert len(check_leaderboard(directory)) == 1


def test_a_new_result_makes_the_old_tables_wrong(directory, result):
    write_leaderboard(directory)
    result(0.1, seed=3).write(directory)
    assert len(check_leaderboard(directory)) == 3


def test_broken_results_change_no_table(directory):
    path = write_leaderboard(directory)[0]
    before = path.read_bytes()
    (directory / "nerp" / "bilm" / "seed-1.json").write_text("{")
    for act in (write_leaderboard, check_leaderboard):
        with pytest.raises(ResultError, match="seed-1.json"):
            act(directory)
    assert path.read_bytes() == before


def test_a_directory_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UserError, match="no such directory"):
        write_leaderboard(tmp_path / "none")
