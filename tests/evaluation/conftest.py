"""Results made up for the tests."""

from __future__ import annotations

from datetime import datetime, timezone

import numpy as np
import pytest

from elmo_xlstm.environment import Hardware
from elmo_xlstm.evaluation.classification import count_labels, score_labels
from elmo_xlstm.evaluation.outcomes import encode_outcomes
from elmo_xlstm.evaluation.results import Confusion, EpochScore, MixWeights, ParameterCounts, RunResult, TypeScore
from elmo_xlstm.evaluation.tagging import count_spans, score_tagging


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


def make_spans(quality=0.8, *, examples=60, gold_seed=0, odd=None, **values):
    """A tagging result with its outcomes: random gold, of which a share is found."""
    drawn = np.random.default_rng(gold_seed)
    gold = [[str(tag) for tag in drawn.choice(["O", "B-PPL", "B-PLC"], 6)] for _ in range(examples)]
    guess = np.random.default_rng([values.get("seed", 0), round(1000 * quality)])
    predicted = [[tag if guess.random() < quality else "O" for tag in tags] for tags in gold]
    if odd:
        predicted[0][0] = f"B-{odd}"
    scores = score_tagging(gold, predicted)
    types = {name: TypeScore(**vars(score)) for name, score in scores.types.items()}
    outcomes = encode_outcomes("spans", count_spans(gold, predicted).statistics())
    return make_result(**{"metrics": scores.metrics(), "outcomes": outcomes} | values).model_copy(
        update={"types": types}
    )


def make_labels(quality=0.8, *, labels=("bad", "fair", "good"), examples=80, **values):
    """A classification result with outcomes, confusion and learning curve."""
    drawn = np.random.default_rng(0)
    gold = [[str(label)] for label in drawn.choice(["bad", "fair", "good"], examples)]
    guess = np.random.default_rng([values.get("seed", 0), round(1000 * quality)])
    predicted = [row if guess.random() < quality else ["good"] for row in gold]
    counts, scores = count_labels(gold, predicted, labels), score_labels(gold, predicted)
    made = {
        "task": "smsa",
        "metrics": scores.metrics(),
        "outcomes": encode_outcomes("labels", counts.statistics()),
        "confusion": Confusion(labels=list(labels), counts=counts.confusion().tolist()),
        "curve": [EpochScore(train_loss=1 / (1 + epoch), validation=0.1 * epoch) for epoch in range(4)],
    }
    types = {name: TypeScore(**vars(score)) for name, score in scores.labels.items()}
    return make_result(**made | values).model_copy(update={"types": types})


@pytest.fixture(scope="session")
def spans():
    return make_spans


@pytest.fixture(scope="session")
def labels():
    return make_labels
