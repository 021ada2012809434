import json
import math

import pytest

from elmo_xlstm.training.history import EpochRecord, History


def record(epoch: int, value: float) -> EpochRecord:
    return EpochRecord(epoch, 1.0 / epoch, {"f1": value, "loss": 3.0}, 1e-3, 0.5)


def test_best_epoch() -> None:
    history = History("f1")
    values = [float("nan"), 0.2, 0.5, 0.5, float("nan"), 0.4]
    improved = [history.add(record(epoch, value)) for epoch, value in enumerate(values, start=1)]
    assert improved == [False, True, True, False, False, False]
    assert (history.best_epoch, history.best_value, history.epochs_since_best()) == (3, 0.5, 3)


def test_round_trip_through_json() -> None:
    history = History("f1")
    assert History.from_dict(json.loads(json.dumps(history.to_dict()))) == history
    history.add(record(1, 0.25))
    assert History.from_dict(json.loads(json.dumps(history.to_dict()))) == history


@pytest.mark.parametrize(
    ("values", "losses", "best"),
    [
        ((0.0, 0.0, 0.0), (3.0, 1.0, 2.0), 2),
        ((0.5, 0.6, 0.6), (1.0, 9.0, 8.0), 3),
        ((0.6, 0.5, 0.6), (2.0, 1.0, 3.0), 1),
        ((0.0, 0.0, 0.0), (None, 1.0, 2.0), 1),
        ((math.nan, 0.0, 0.0), (0.1, 2.0, 1.0), 3),
    ],
)
def test_between_equal_values_the_loss_decides(values, losses, best) -> None:
    history = History("f1")
    for epoch, (value, loss) in enumerate(zip(values, losses, strict=True), start=1):
        history.add(EpochRecord(epoch, 1.0, {"f1": value}, 1e-3, 0.0, valid_loss=loss))
    assert history.best_epoch == best and history.best_value == values[best - 1]
