from __future__ import annotations

import numpy as np
import pytest

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.synthetic.recall import IGNORED, recall_batch
from elmo_xlstm.synthetic.tasks import RecallTask


@pytest.mark.parametrize(("context", "pairs", "vocabulary"), [(64, 4, 512), (128, 32, 80), (32, 8, 8192)])
def test_each_key_is_asked_for_once_and_has_its_value(context: int, pairs: int, vocabulary: int) -> None:
    inputs, targets = recall_batch(np.random.default_rng(1), 50, context, pairs, vocabulary)
    assert inputs.shape == targets.shape == (50, context)
    for row, wanted in zip(inputs, targets, strict=True):
        known = dict(zip(row[0 : 2 * pairs : 2], row[1 : 2 * pairs : 2], strict=True))
        assert len(known) == pairs and all(0 < key < vocabulary // 2 <= value for key, value in known.items())
        asked = np.flatnonzero(wanted != IGNORED)
        assert (asked >= 2 * pairs).all() and sorted(row[asked]) == sorted(known)
        assert [known[key] for key in row[asked]] == wanted[asked].tolist()
        rest = np.setdiff1d(np.arange(2 * pairs, context), asked)
        assert not row[rest].any()


def test_keys_are_asked_for_soon_rather_than_late() -> None:
    def mean_place(power: float) -> float:
        _, targets = recall_batch(np.random.default_rng(2), 400, 256, 4, 512, power)
        return float(np.nonzero(targets != IGNORED)[1].mean())

    assert mean_place(0.01) < mean_place(0.5) < mean_place(1.0)
    assert mean_place(1.0) == pytest.approx((8 + 254) / 2, abs=6)


@pytest.mark.parametrize("wrong", [{"pairs": 17}, {"pairs": 4, "vocabulary": 8}])
def test_what_does_not_fit_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="pairs"):
        validate(RecallTask, wrong)
