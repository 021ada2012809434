from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from elmo_xlstm.config import validate
from elmo_xlstm.lm.recipes.series import RecipeResult

SCORE = {
    "loss": 5.25,
    "forward_perplexity": 190.5,
    "backward_perplexity": 191.5,
    "forward_bits_per_character": 1.75,
    "backward_bits_per_character": 1.8125,
}


@pytest.fixture
def make_result() -> Callable[..., RecipeResult]:
    def make(name: str, **values: Any) -> RecipeResult:
        return validate(
            RecipeResult,
            {
                "name": name,
                "changes": {},
                "settings": {"seed": 0},
                "corpus": None,
                "weights_sha256": "ab" * 32,
                "parameters": 9_876_543,
                "pieces": 16_000,
                "step": 320,
                "tokens": 1_310_720,
                "time": {"seconds": 201.4, "tokens_per_second": 6510.2},
                "validation": SCORE,
                "texts": {"News": {"sha256": "cd" * 32, "every": 6, "validation": SCORE}},
                "hardware": {"cpu": "some", "cores": 2, "device": "cpu"},
                "versions": {"torch": "2"},
                "git_commit": None,
                **values,
            },
        )

    return make
