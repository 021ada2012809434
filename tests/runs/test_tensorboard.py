from __future__ import annotations

import math
import sys

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.pretraining_record import TrainingLog
from elmo_xlstm.runs.tensorboard import EVENTS_DIRECTORY, EventLog


def read(directory):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(directory / EVENTS_DIRECTORY))
    events.Reload()
    return {tag: [(event.step, event.value) for event in events.Scalars(tag)] for tag in events.Tags()["scalars"]}


def test_numbers_by_step_and_a_run_that_goes_on(tmp_path) -> None:
    pytest.importorskip("tensorboard", reason="the extra 'tensorboard' is not installed")
    log = EventLog(tmp_path)
    for step in (1, 2, 3):
        log.add(step, "training", {"loss": 1 / step, "none": None, "nan": math.nan, "text": "x"})
    log.close()
    resumed = EventLog(tmp_path, after=2)
    resumed.add(3, "training", {"loss": 9.0})
    resumed.close()
    assert read(tmp_path) == {"training/loss": [(1, 1.0), (2, 0.5), (3, 9.0)]}


def test_pretraining_writes_them_if_asked_in_one_process(tmp_path) -> None:
    pytest.importorskip("tensorboard", reason="the extra 'tensorboard' is not installed")
    TrainingLog(tmp_path, writes=False, tensorboard=True).add(4, "train", {"loss": 2.5})
    TrainingLog(tmp_path, writes=True).add(4, "train", {"loss": 2.5})
    assert not (tmp_path / EVENTS_DIRECTORY).exists()
    TrainingLog(tmp_path, writes=True, tensorboard=True).add(4, "train", {"loss": 2.5})
    assert read(tmp_path) == {"train/loss": [(4, 2.5)]}


def test_without_the_library(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UserError, match=r"pip install 'elmo-xlstm\[tensorboard\]'"):
        EventLog(tmp_path)
