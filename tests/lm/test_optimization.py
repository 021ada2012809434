from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.optimization import OptimizerSettings, ScheduleSettings, WeightAverage, is_decayed

parts = {"warmup_steps": st.integers(0, 30), "final_fraction": st.floats(0, 1)}
schedules = st.builds(ScheduleSettings, decay=st.just("constant"), **parts) | st.builds(
    ScheduleSettings,
    decay=st.sampled_from(["linear", "cosine"]),
    decay_steps=st.none() | st.integers(1, 100),
    **parts,
)


def make_model(softmax: str) -> BiXLSTM:
    return BiXLSTM(BiXLSTMConfig(vocab_size=9, embedding_dim=8, num_blocks=1, num_heads=2, softmax=softmax))


@pytest.mark.parametrize("softmax", ["separate", "tied"])
def test_matrices_alone_are_decayed(softmax: str) -> None:
    model = make_model(softmax)
    decayed = {name for name, parameter in model.named_parameters() if is_decayed(name, parameter)}
    layers = [f"{direction}_stack.blocks.0.xlstm." for direction in ("forward", "backward")]
    matrices = ["proj_up", "q_proj", "k_proj", "v_proj", "conv1d.conv", "proj_down"]
    assert decayed == {f"{layer}{matrix}.weight" for layer in layers for matrix in matrices}


def test_groups_hold_every_parameter_once_and_settings_arrive() -> None:
    model = make_model("separate")
    settings = OptimizerSettings(learning_rate=0.01, betas=(0.8, 0.9), epsilon=1e-6, weight_decay=0.3)
    optimizer = settings.build(model)
    decayed, kept = optimizer.param_groups
    assert decayed["weight_decay"] == 0.3 and kept["weight_decay"] == 0.0
    assert {id(p) for group in optimizer.param_groups for p in group["params"]} == {id(p) for p in model.parameters()}
    assert len(decayed["params"]) + len(kept["params"]) == len(list(model.parameters()))
    for group in optimizer.param_groups:
        assert group["lr"] == 0.01 and tuple(group["betas"]) == (0.8, 0.9) and group["eps"] == 1e-6


def test_a_step_without_gradient_shrinks_what_is_decayed_and_nothing_else() -> None:
    model = make_model("separate")
    optimizer = OptimizerSettings(learning_rate=0.1, weight_decay=0.5).build(model)
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in model.named_parameters():
        factor = 0.95 if is_decayed(name, parameter) else 1.0
        assert torch.allclose(parameter, before[name] * factor), name


@settings(max_examples=60, deadline=None)
@given(schedules, st.integers(1, 80))
def test_schedule_stays_in_its_bounds_and_has_no_jumps(schedule: ScheduleSettings, total: int) -> None:
    factors = [schedule.factor(step, total) for step in range(total + 1)]
    warmup = schedule.warmup_steps
    floor = 1.0 if schedule.decay == "constant" else schedule.final_fraction
    assert all(0 < factor <= 1 or (factor == floor == 0) for factor in factors)
    assert factors[:warmup] == pytest.approx([(step + 1) / warmup for step in range(min(warmup, total + 1))])
    after = factors[warmup:]
    assert all(floor - 1e-9 <= factor for factor in after)
    assert all(later <= earlier + 1e-12 for earlier, later in zip(after, after[1:], strict=False))
    decaying = min(total - warmup, schedule.decay_steps or total)
    steepest = 1.6 / max(1, decaying)  # a cosine falls by at most pi / 2 of a line's slope
    assert all(earlier - later <= steepest for earlier, later in zip(after, after[1:], strict=False))
    if after:
        assert after[0] == pytest.approx(1.0 if total > warmup else max(floor, after[0]))
    if total > warmup:
        assert factors[total] == pytest.approx(floor)


@pytest.mark.parametrize(
    ("decay", "half"), [("constant", 1.0), ("linear", 0.2 + 0.8 * 0.5), ("cosine", 0.2 + 0.8 * 0.5)]
)
def test_shapes(decay: str, half: float) -> None:
    schedule = ScheduleSettings(warmup_steps=4, decay=decay, final_fraction=0.2)
    assert [schedule.factor(step, 24) for step in range(4)] == [0.25, 0.5, 0.75, 1.0]
    assert schedule.factor(4, 24) == 1.0 and schedule.factor(14, 24) == pytest.approx(half)
    quarter = {"constant": 1.0, "linear": 0.8, "cosine": 0.2 + 0.8 * (1 + 0.5**0.5) / 2}[decay]
    assert schedule.factor(9, 24) == pytest.approx(quarter)
    assert schedule.factor(100, 24) == pytest.approx(1.0 if decay == "constant" else 0.2)


def test_the_rate_stays_at_its_peak_until_the_last_steps_decay() -> None:
    schedule = ScheduleSettings(warmup_steps=2, decay="linear", final_fraction=0.0, decay_steps=4)
    assert [schedule.factor(step, 10) for step in range(2, 11)] == [1.0] * 5 + [0.75, 0.5, 0.25, 0.0]


def test_a_constant_rate_has_no_steps_that_decay() -> None:
    with pytest.raises(ConfigError, match='decay_steps is for a rate that decays: set decay to "linear" or "cosine"'):
        validate(ScheduleSettings, {"decay_steps": 5})


def test_no_warm_up_starts_at_the_peak() -> None:
    assert ScheduleSettings(warmup_steps=0, decay="linear").factor(0, 10) == 1.0


@pytest.mark.parametrize(
    "values", [{"learning_rate": 0}, {"weight_decay": -1}, {"gradient_clip": 0}, {"betas": [0.9]}, {"epsilon": 0}]
)
def test_impossible_settings_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        validate(OptimizerSettings, values)


def trained(model: nn.Linear, average: WeightAverage, steps: range) -> list[dict[str, torch.Tensor]]:
    """Weights of a model after each of some steps, all taken into the average."""
    course = []
    for step in steps:
        torch.manual_seed(step)
        for weight in model.parameters():
            nn.init.normal_(weight)
        average.update(step)
        course.append({name: weight.detach().clone() for name, weight in model.named_parameters()})
    return course


@pytest.mark.parametrize("decay", [0.2, 0.9, 0.9999])
def test_later_steps_count_for_more_and_the_start_for_nothing(decay: float) -> None:
    model = nn.Linear(3, 2)
    nn.init.constant_(model.weight, 1e6)  # would be seen in the average if it had any part
    average = WeightAverage(model, decay)
    course = trained(model, average, range(1, 8))
    shares = decay ** torch.arange(6, -1, -1, dtype=torch.float64)
    for name, found in average.weights().items():
        values = torch.stack([weights[name].double() for weights in course])
        expected = torch.tensordot(shares / shares.sum(), values, dims=1)
        assert torch.allclose(found.double(), expected, atol=1e-6)


def test_after_one_step_it_is_that_step() -> None:
    model = nn.Linear(3, 2)
    average = WeightAverage(model, 0.99)
    (only,) = trained(model, average, range(1, 2))
    assert all(torch.equal(average.weights()[name], only[name]) for name in only)


def test_a_model_has_the_averages_for_a_while_and_then_its_own_weights() -> None:
    model = nn.Linear(3, 2)
    average = WeightAverage(model, 0.5)
    *_, last = trained(model, average, range(1, 4))
    with pytest.raises(RuntimeError, match="in between"), average.in_place():
        assert all(torch.equal(weight, average.weights()[name]) for name, weight in model.named_parameters())
        assert not torch.equal(model.weight, last["weight"])
        raise RuntimeError("in between")
    assert all(torch.equal(weight, last[name]) for name, weight in model.named_parameters())


def test_it_goes_on_where_it_was() -> None:
    model, again = nn.Linear(3, 2), nn.Linear(3, 2)
    average, resumed = WeightAverage(model, 0.9), WeightAverage(again, 0.9)
    trained(model, average, range(1, 4))
    resumed.load(average.weights())
    trained(model, average, range(4, 7))
    trained(again, resumed, range(4, 7))
    assert all(torch.equal(average.weights()[name], resumed.weights()[name]) for name in average.weights())
