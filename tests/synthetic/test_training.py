from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from elmo_xlstm import cli
from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.progress import Work
from elmo_xlstm.synthetic.grid import SyntheticSettings, best_of_rates, cells, read_cells
from elmo_xlstm.synthetic.recall import IGNORED
from elmo_xlstm.synthetic.report import write_report
from elmo_xlstm.synthetic.tasks import ASK, PADDING, SYMBOLS
from elmo_xlstm.synthetic.training import SyntheticTraining, answers, build_model, scale, train_cell

MODELS = {
    "mLSTM": {"num_heads": 2},
    "sLSTM": {"backbone": {"type": "xlstm", "slstm_at": "all", "num_heads": 2}},
    "LSTM": {"backbone": {"type": "lstm"}},
}


def experiment(output: Path, **changes: Any) -> dict[str, Any]:
    sizes = {"embedding_dim": 32, "num_blocks": 1, "dropout": 0, "context_length": 64}
    return {
        "synthetic": [{"type": "language", "language": "parity", "train_lengths": [3, 6], "test_lengths": [6, 9]}],
        "models": {name: sizes | own for name, own in MODELS.items()},
        "train": {"steps": 3, "batch_size": 8, "learning_rates": [1e-2, 1e-3], "test_sequences": 32},
        "seeds": 1,
        "output": str(output),
        **changes,
    }


def test_batches_ask_at_placeholders_only(tmp_path: Path) -> None:
    task = validate(SyntheticSettings, experiment(tmp_path, synthetic=[{"type": "language", "language": "set"}]))
    inputs, targets = task.synthetic[0].batch(np.random.default_rng(0), 20, (9, 9))
    assert ((inputs == ASK) == (targets != IGNORED)).all()
    assert (targets[targets != IGNORED] >= SYMBOLS).all()
    assert set(inputs[:, :9].ravel()) <= set(range(SYMBOLS, SYMBOLS + 8)) and (inputs[:, 9:] < SYMBOLS).all()
    assert (inputs == PADDING).any()


def test_an_answer_does_not_depend_on_the_padding_of_its_batch(tmp_path: Path) -> None:
    settings = validate(SyntheticSettings, experiment(tmp_path, synthetic=[{"type": "language", "language": "set"}]))
    task = settings.synthetic[0]
    inputs, targets = map(torch.from_numpy, task.batch(np.random.default_rng(0), 6, (9, 9)))
    for sizes in settings.models.values():
        model = build_model(task, sizes).eval()
        whole = answers(model, inputs, targets)
        asked = (targets != IGNORED).sum(1).tolist()
        alone = [
            answers(model, inputs[row : row + 1, : 9 + n], targets[row : row + 1, : 9 + n])
            for row, n in enumerate(asked)
        ]
        torch.testing.assert_close(torch.cat(alone), whole, rtol=1e-4, atol=1e-5)


def test_the_learning_rate_warms_up_and_falls() -> None:
    training = SyntheticTraining(steps=100)
    rates = [training.learning_rate(1e-2, step) for step in range(100)]
    assert rates[0] == pytest.approx(1e-3) and max(rates) == rates[9] == pytest.approx(1e-2)
    assert sorted(rates[10:], reverse=True) == rates[10:] and rates[-1] < 2e-5


def test_a_cell_learns_and_is_the_same_again(tmp_path: Path) -> None:
    easy = {"type": "language", "language": "even_pairs", "train_lengths": [3, 5]}
    training = {"steps": 240, "batch_size": 64, "test_sequences": 64}
    settings = validate(SyntheticSettings, experiment(tmp_path, synthetic=[easy], train=training))
    train = [
        train_cell(settings.synthetic[0], settings.models["LSTM"], settings.train, 5e-3, 0, Work()) for _ in range(2)
    ]
    assert train[0] | {"seconds": 0} == train[1] | {"seconds": 0}
    assert train[0]["accuracy"][0] > 0.95 and train[0]["scaled"][0] == pytest.approx(2 * train[0]["accuracy"][0] - 1)
    assert scale(0.25, 0.25) == 0 and scale(1.0, 0.25) == 1


def test_what_is_done_is_not_done_again(tmp_path: Path) -> None:
    (tmp_path / "x.jsonnet").write_text(json.dumps(experiment(tmp_path / "out")))
    settings = validate(SyntheticSettings, experiment(tmp_path / "out"))
    result = CliRunner().invoke(cli.app, ["synthetic", str(tmp_path / "x.jsonnet"), "--jobs", "1"])
    assert result.exception is None, result.output
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "cells").iterdir()}
    assert len(files) == len(list(cells(settings))) == 6
    gone = next(iter(files))
    gone.unlink()
    assert CliRunner().invoke(cli.app, ["synthetic", str(tmp_path / "x.jsonnet"), "--jobs", "1"]).exception is None
    assert gone.exists() and all(path.stat().st_mtime_ns == files[path] for path in files if path != gone)
    results = read_cells(settings)
    assert {result["model_name"] for result in best_of_rates(results)} == set(MODELS) and len(results) == 6
    table = (tmp_path / "out" / "table.md").read_text()
    assert "| parity |" in table and all(name in table for name in MODELS)
    assert "<svg" in (tmp_path / "out" / "heat-map.svg").read_text()


def test_a_report_is_the_mean_over_seeds_of_the_best_rate(tmp_path: Path) -> None:
    def cell(seed: int, short: float, long: float) -> dict[str, Any]:
        return {"task_name": "t", "model_name": "m", "seed": seed, "accuracy": [short, long], "scaled": [short, long]}

    write_report([cell(0, 0.5, 0.9), cell(0, 0.8, 0.2), cell(1, 1.0, 0.4)], tmp_path)
    assert "| t | 0.90 / 0.30 (2) |" in (tmp_path / "table.md").read_text()


def test_a_language_is_known_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="did you mean 'parity'"):
        validate(SyntheticSettings, experiment(tmp_path, synthetic=[{"type": "language", "language": "paritty"}]))
