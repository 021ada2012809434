"""What docs/pretraining.md concludes from the recipes is what their result files say."""

from __future__ import annotations

from pathlib import Path

import pytest

from elmo_xlstm.lm.recipes.series import RecipeResult, read_result
from elmo_xlstm.lm.scoring import Validation

ROOT = Path(__file__).parents[1]
PAGE = " ".join((ROOT / "docs" / "pretraining.md").read_text(encoding="utf-8").split())
KINDS = ("Reviews", "Conversation", "News")


def recipe(name: str) -> RecipeResult:
    result = read_result(name, ROOT / "results" / "pretraining")
    assert result is not None
    return result


def bits(score: Validation) -> tuple[float, float]:
    return score.forward_bits_per_character, score.backward_bits_per_character


def differences(one: str, other: str) -> list[float]:
    """Bits by which one recipe is above another: each kind of text, each direction."""
    a, b = (recipe(name).texts for name in (one, other))
    return [x - y for kind in KINDS for x, y in zip(bits(a[kind].validation), bits(b[kind].validation), strict=True)]


@pytest.mark.parametrize(
    "order",
    [
        ("learning_rate_high", "base", "learning_rate_low", "model_card"),
        ("constant", "base"),
        ("wide_shallow", "base", "narrow_deep"),
        ("vocabulary_32k", "base", "vocabulary_8k"),
        ("batch_16", "base", "batch_64"),
        ("base", "averaged"),
        ("constant", "averaged_constant"),
    ],
)
def test_the_first_is_ahead_on_every_kind_of_text(order: tuple[str, ...]) -> None:
    for better, worse in zip(order, order[1:], strict=False):
        assert min(differences(worse, better)) > 0


def test_sizes_of_differences() -> None:
    mix = differences("mix_plain", "base")
    assert f"by {min(mix):.2f} to {max(mix):.2f} bits" in PAGE
    for name in ("context_256", "softmax_shared"):
        assert max(map(abs, differences(name, "base"))) < 0.02


def test_what_other_mixes_gain_by_kind_of_text() -> None:
    def gain(name: str, kind: str) -> float:
        """Bits, the mean of both directions."""
        found = differences("base", name)[2 * KINDS.index(kind) :][:2]
        return sum(found) / 2

    everyday, target = "mix_everyday", "mix_target"
    assert f"gains {gain(everyday, 'Conversation'):.2f} bits on conversation and loses" in PAGE
    assert f"and loses {-gain(everyday, 'News'):.2f} on news" in PAGE
    news, conversation = (f"{sign * gain(target, kind):.2f}" for sign, kind in ((1, "News"), (-1, "Conversation")))
    assert f"(`mix_target`) gains {news} on news and loses as much on conversation" in PAGE and news == conversation


def test_what_the_sampled_softmax_costs() -> None:
    exact, sampled = recipe("softmax_exact"), recipe("base")
    lost = [s - e for s, e in zip(bits(sampled.validation), bits(exact.validation), strict=True)]
    assert f"({min(lost):.3f} to {max(lost):.3f} bits on held-out text)" in PAGE
    assert 3 <= exact.time.seconds / sampled.time.seconds < 3.5
