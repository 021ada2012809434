"""Cross-validation of one's own data: each run has its fold, and all together are a row."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.evaluation.leaderboard import build_board
from elmo_xlstm.evaluation.leaderboard.tables import legend
from elmo_xlstm.evaluation.results import load_results
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.registry import register_tasks

EXPERIMENT = """{
  model: 'words',
  task: {
    type: 'classification',
    name: 'ulasan',
    dataset: {
      type: 'files', train: 'ulasan.csv', separator: ';', text: 'ulasan', label: 'sentimen',
      on_bad_row: 'skip', folds: 2, valid_fraction: 0.2,
    },
    head: { words: { dim: 4 }, encoder: null },
  },
  trainer: { epochs: 1 },
}"""


@pytest.mark.slow
def test_all_folds_are_one_row_and_are_planned_once(workplace, run) -> None:
    Path("folds.jsonnet").write_text(EXPERIMENT)
    run("finetune", "folds.jsonnet", "--seed", 1)
    assert "1 of 2 runs to do" in run("suite", "folds.jsonnet", "--dry-run")
    run("finetune", "folds.jsonnet", "--seed", 0)
    assert "0 of 2 runs to do" in run("suite", "folds.jsonnet", "--dry-run")
    results = load_results(Path("runs/results"))
    assert [result.seed for result in results] == [0, 1]
    board = build_board(results)
    (row,) = board.scores[board.scores.task == "ulasan"].itertuples()
    assert row.seeds == 2 and row.mean == pytest.approx(50 * sum(result.score for result in results))
    assert "Of ulasan each score is of one fold" in legend(board)
    files = [Path(f"runs/ulasan/words/seed-{seed}/predictions-test.jsonl") for seed in (0, 1)]
    texts = [{json.loads(line)["text"] for line in file.read_text().splitlines()} for file in files]
    assert not texts[0] & texts[1] and len(texts[0] | texts[1]) == 31
    scored = json.loads(run("evaluate", "runs/ulasan/words/seed-1"))
    assert scored["metrics"]["accuracy"] == pytest.approx(results[1].metrics["accuracy"], abs=1e-6)


@pytest.mark.parametrize("other", [{"test": "x.csv"}, {"test_fraction": 0.1}])
def test_beside_folds_there_are_no_test_data(other) -> None:
    register_tasks()
    dataset = {"type": "files", "train": "x.csv", "valid_fraction": 0.1, "folds": 3, **other}
    with pytest.raises(ConfigError, match="beside 'folds' there are no test data"):
        validate(FinetuneSettings, {"task": {"type": "classification", "name": "x", "dataset": dataset}})
