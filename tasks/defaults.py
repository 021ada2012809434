"""Defaults of an experiment that says little more than which data: its head, language model and name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from elmo_xlstm.config import Settings

FEATURES = ("mix", "characters", "words")
CHARACTERS = {"dim": 30, "filters": 50, "kernel_size": 3}
WORDS = {"dim": 100, "lower_case": True, "min_count": 2, "word_dropout": 0.1}
SHARED = {"mix": {"layer_norm": True}, "characters": CHARACTERS, "words": WORDS, "dropout": 0.3}
ENCODER = {"hidden_size": 100, "output_dropout": 0.3}
POOLED = {"projection": 200, "encoder": ENCODER, "pooling": {"methods": ["attention", "max", "mean"]}}
HEADS: dict[str, dict[str, Any]] = {
    "tagging": {**SHARED, "encoder": ENCODER},
    "classification": {**SHARED, **POOLED},
    "aspects": {**SHARED, **POOLED, "pooling": {"methods": ["attention"]}},
    "pairs": {**SHARED, "projection": 100, "encoder": None, "cross_attention": 100, "hidden_size": 50},
    "question": {**SHARED, "encoder": ENCODER, "passage_encoder": ENCODER},
}
"""The head of each kind of task where an experiment names no word features: ELMo's recipe (Peters et al. 2018, section
4) in the sizes of the benchmark's experiments."""


def default_head(kind: str, settings_class: type[Settings]) -> Callable[[], Settings]:
    """A factory of the head that a kind of task has where none is named, with the layers of a language model."""
    return lambda: settings_class.model_validate(HEADS[kind])


def complete(values: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in head, language model and name where an experiment leaves them out; what it says stays as it is.

    A head that names none of mix, characters and words gets those of its kind, and with them all settings of
    :data:`HEADS` that it does not give; ``embedder: null``, or null for one of the three, leaves that one out. The
    language model is the bundled one where the head reads one.

    Args:
        values: of an experiment, plain ones, not yet validated.
    """
    filled = dict(values)
    task = filled.get("task")
    if not isinstance(task, dict):
        return filled
    head = task.get("head", {})
    kind = task.get("type")
    if not isinstance(head, dict) or not isinstance(kind, str):
        return filled
    if kind in HEADS and _is_open(head):
        head = {**HEADS[kind], **head}
        if "embedder" in filled and filled["embedder"] is None and "mix" not in task.get("head", {}):
            head["mix"] = None
        filled["task"] = {**task, "head": head}
    if "embedder" not in filled:
        filled["embedder"] = {} if head.get("mix") is not None else None
    if "model" not in filled:
        filled["model"] = _row(head, filled["embedder"])
    return filled


def _is_open(head: Mapping[str, Any]) -> bool:
    """Whether a neural head leaves it open what it reads words by."""
    named = any(head.get(feature) is not None for feature in FEATURES)
    return head.get("type", "neural") == "neural" and not named and any(feature not in head for feature in FEATURES)


def _row(head: Mapping[str, Any], embedder: Any) -> str:
    """The row of the leaderboard: how the language model is used, or what stands in its place."""
    if embedder is not None:
        tuned = isinstance(embedder, dict) and embedder.get("fine_tune") is not None
        return "tuned-bilm" if tuned else "frozen-bilm"
    kind = head.get("type", "neural")
    return "no-bilm" if kind == "neural" else str(kind)
