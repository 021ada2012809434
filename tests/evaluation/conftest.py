"""Results made up for the tests."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from elmo_xlstm.evaluation.environment import Hardware
from elmo_xlstm.evaluation.results import MixWeights, ParameterCounts, RunResult, TypeScore


def make_result(score=0.5, *, micro=None, types=None, mix=None, **values):
    defaults = {
        "model": "bilm",
        "task": "nerp",
        "seed": 0,
        "split": "test",
        "main_metric": "macro_f1",
        "metrics": {"macro_f1": score, "micro_f1": score if micro is None else micro},
        "types": {name: TypeScore(precision=f1, recall=f1, f1=f1, support=7) for name, f1 in (types or {}).items()},
        "mix": {name: MixWeights(weights=weights, gamma=1.5) for name, weights in (mix or {}).items()},
        "parameters": ParameterCounts(total=61_000_000, trainable=2_000_000, frozen_bilm=59_000_000),
        "config": {"trainer": {"learning_rate": 3.123456789e-9}},
        "data": {"nerp_ner-prosa/test_preprocess.txt": "c262"},
        "versions": {"python": "3.11.7"},
        "git_commit": None,
        "started": datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
        "seconds": 12.3456789,
        "hardware": Hardware(cpu="x", cores=2, device="cpu"),
        "checkpoint": "f00d",
        "command": "elmo-xlstm finetune experiments/nerp.jsonnet",
    }
    return RunResult(**(defaults | values))


@pytest.fixture(scope="session")
def result():
    return make_result
