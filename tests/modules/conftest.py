"""Texts with made-up layers, for heads that judge texts."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
import pytest

from elmo_xlstm.modules import LabelledExample, Sentence

NUM_LAYERS, DIM = 3, 8


def _layers(words: list[str]) -> np.ndarray:
    rows = [np.random.default_rng(sum(map(ord, word))).normal(size=(NUM_LAYERS, DIM)) for word in words]
    return np.stack(rows).astype(np.float16)


@pytest.fixture(scope="session")
def layers_shape() -> tuple[int, int]:
    return NUM_LAYERS, DIM


@pytest.fixture(scope="session")
def make_texts() -> Callable[..., list[LabelledExample]]:
    """Reviews of food and service, each praised, blamed or not named; the labels are in that order."""

    def make(count: int, seed: int, texts: int = 1) -> list[LabelledExample]:
        generator = random.Random(seed)
        examples = []
        for _ in range(count):
            parts = []
            for _ in range(texts):
                labels, words = [], ["itu"] * generator.randint(1, 2)
                for aspect in ("makanan", "layanan"):
                    label = generator.choice(["pos", "neg", "none"])
                    labels.append(label)
                    words += {"pos": [aspect, "enak"], "neg": [aspect, "buruk"], "none": ["saja"]}[label]
                parts.append((Sentence(words, None, _layers(words)), labels))
            examples.append(LabelledExample(tuple(sentence for sentence, _ in parts), parts[0][1]))
        return examples

    return make
