from __future__ import annotations

from pathlib import Path

import pytest

from elmo_xlstm.config import ConfigError
from elmo_xlstm.evaluation.results import load_results
from elmo_xlstm.lm.recipes.series import read_result


def test_a_result_is_what_was_written(make_result, tmp_path: Path) -> None:
    result = make_result(
        "context", changes={"model.context_length": [128, 256], "optimizer.epsilon": [1.0000000000000001e-05, 1e-8]}
    )
    result.write(tmp_path)
    assert read_result("context", tmp_path) == result
    assert read_result("context", tmp_path).changes["optimizer.epsilon"] == (1e-5, 1e-8)
    assert read_result("other", tmp_path) is None


def test_the_leaderboard_passes_results_of_recipes_by(make_result, tmp_path: Path) -> None:
    make_result("context").write(tmp_path / "pretraining")
    assert load_results(tmp_path) == []


@pytest.mark.parametrize("content", ["{", "[]", '{"name": "context"}'])
def test_a_damaged_result_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "context.json").write_text(content)
    with pytest.raises(ConfigError, match=r"context\.json"):
        read_result("context", tmp_path)
