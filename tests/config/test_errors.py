from __future__ import annotations

import pytest

from elmo_xlstm.config import ConfigError, suggestion
from elmo_xlstm.errors import UserError


@pytest.mark.parametrize(
    ("wrong", "known", "said"),
    [
        ("learning_rat", ["learning_rate", "seed"], "did you mean 'learning_rate'?"),
        ("xyz", ["seed", "epochs"], "known here: epochs, seed"),
        ("xyz", [], "nothing can be set here"),
    ],
)
def test_suggestion(wrong: str, known: list[str], said: str) -> None:
    assert suggestion(wrong, known) == said


def test_an_error_is_one_message_of_all_problems() -> None:
    error = ConfigError("a.jsonnet", ["x: is wrong", "y: is missing"])
    assert isinstance(error, UserError) and error.problems == ["x: is wrong", "y: is missing"]
    assert str(error) == "a.jsonnet: 2 problems\n  x: is wrong\n  y: is missing"
