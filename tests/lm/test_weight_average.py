from __future__ import annotations

import pytest
import torch
from torch import nn

from elmo_xlstm.lm.weight_average import WeightAverage


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
