"""FitContext of baselines without a run around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from elmo_xlstm.tasks.predictor import FitContext, LabelSpace
from elmo_xlstm.tasks.registry import register_tasks

register_tasks()


@pytest.fixture
def train(tmp_path):
    """Trains a head on texts; they are the validation texts as well, scored by the share of right labels."""

    def train(config, labels, texts, targets, aspects=(), lower_case=False):
        def evaluate(predictions):
            pairs = [
                (given, right)
                for prediction, target in zip(predictions, targets, strict=True)
                for given, right in zip(prediction.labels, target, strict=True)
            ]
            return {"accuracy": sum(given == right for given, right in pairs) / len(pairs)}

        space = LabelSpace(tuple(labels), tuple(aspects))
        predictor = config.predictor_class.for_training(config, space, texts, None, lower_case)
        trainer = None
        history = predictor.fit(
            texts, targets, texts, FitContext(evaluate, targets, "accuracy", trainer, Path(tmp_path))
        )
        assert history.epochs == [] and history.monitor == "accuracy"
        assert history.best_value == evaluate(predictor.predict_texts(texts))["accuracy"]
        return predictor

    return train
