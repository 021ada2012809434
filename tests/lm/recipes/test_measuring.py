from __future__ import annotations

import pytest

from elmo_xlstm.lm.recipes.measuring import changes, training_time


def test_time_of_training_is_that_of_its_log_lines() -> None:
    metrics = [
        {"kind": "train", "step": 20, "tokens_per_second": 100.0},
        {"kind": "validation", "step": 20, "loss": 3.0},
        {"kind": "train", "step": 40, "tokens_per_second": 200.0},
        {"kind": "train", "step": 50, "tokens_per_second": 50.0},
    ]
    time, steps = training_time(metrics, tokens_per_step=10)
    assert steps == 50
    assert time.seconds == pytest.approx(200 / 100 + 200 / 200 + 100 / 50)
    assert time.tokens_per_second == 100


def test_changes_have_both_values_also_where_one_is_missing() -> None:
    base = {"output": "a", "loss": {"type": "sampled", "samples": 8}, "model": {"dim": 4}, "list": [1, 2]}
    recipe = {"output": "b", "loss": {"type": "full"}, "model": {"dim": 4}, "list": [1, 3]}
    assert changes(base, recipe) == {
        "loss.type": ("sampled", "full"),
        "loss.samples": (8, None),
        "list": ([1, 2], [1, 3]),
    }


def test_another_mix_is_told_by_shares_and_repeats_of_sources_not_by_their_files() -> None:
    def settings(**mix: list[float]) -> dict[str, object]:
        sources = [{"label": name, "share": s, "repeat": r, "paths": ["/a"]} for name, (s, r) in mix.items()]
        return {"corpus": {"sources": sources, "deduplicate": True}}

    found = changes(settings(news=[1, 1], law=[0.1, 1], tweets=[1, 2]), settings(news=[1, 1], tweets=[1, 4]))
    assert found == {"corpus.sources.law": ([0.1, 1], None), "corpus.sources.tweets": ([1, 2], [1, 4])}
