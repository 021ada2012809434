from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.embedding import ScalarMix


@pytest.fixture
def layers() -> Tensor:
    return torch.randn(2, 4, 3, 6, generator=torch.Generator().manual_seed(0))


def build(**values) -> ScalarMix:
    return ScalarMix.Config(**values).build(3, 6)


def test_formula(layers) -> None:
    mix = build(layer_norm=False)
    with torch.no_grad():
        mix.weights.copy_(torch.tensor([0.0, 1.0, -2.0]))
        mix.gamma.fill_(1.5)
    powers = [math.exp(0.0), math.exp(1.0), math.exp(-2.0)]
    expected = 1.5 * sum(p / sum(powers) * layers[:, :, j] for j, p in enumerate(powers))
    torch.testing.assert_close(mix(layers), expected)
    assert mix.normalized_weights() == pytest.approx([p / sum(powers) for p in powers])


def test_starts_as_the_plain_mean(layers) -> None:
    torch.testing.assert_close(build(layer_norm=False)(layers), layers.mean(dim=2))


def test_initial_weights_can_choose_one_layer(layers) -> None:
    mix = build(layer_norm=False, initial_weights=(-100.0, -100.0, 0.0))
    torch.testing.assert_close(mix(layers), layers[:, :, 2])


@pytest.mark.parametrize("weights", [(0.0,), (0.0, 0.0), (0.0, 0.0, 0.0, 0.0)])
def test_wrong_number_of_weights_is_refused(weights) -> None:
    with pytest.raises(ConfigError, match=f"initial_weights: {len(weights)} given, but there are 3 layers to mix"):
        build(initial_weights=weights)


def test_weights_of_a_run_before_layers_could_be_chosen_load() -> None:
    mix = build()
    mix.load_state_dict({"weights": torch.tensor([0.0, 1.0, -2.0]), "gamma": torch.tensor(1.5)})
    assert mix.output_dim == 6 and mix.normalized_weights()[1] > 0.6


@pytest.mark.parametrize(("chosen", "indices"), [([0], [0]), ([-1], [2]), ([2, 0], [2, 0]), ([-3, -2, -1], [0, 1, 2])])
@pytest.mark.parametrize("direction", ["both", "forward", "backward"])
@pytest.mark.parametrize("layer_norm", [False, True])
def test_chosen_layers_and_direction_are_all_that_is_read(layers, chosen, indices, direction, layer_norm) -> None:
    half = {"both": slice(0, 6), "forward": slice(0, 3), "backward": slice(3, 6)}[direction]
    mix = build(layers=chosen, direction=direction, layer_norm=layer_norm)
    with torch.no_grad():
        mix.weights.copy_(torch.arange(len(chosen)) * 0.7)
    width = half.stop - half.start
    alone = ScalarMix.Config(layer_norm=layer_norm).build(len(chosen), width)
    alone.load_state_dict(mix.state_dict())
    assert mix.output_dim == width
    torch.testing.assert_close(mix(layers), alone(layers[:, :, indices, half]), rtol=0, atol=0)


def test_weights_are_reported_for_every_layer(layers) -> None:
    mix = build(layers=[-1, 0], initial_weights=(math.log(3.0), 0.0))
    assert mix.normalized_weights() == pytest.approx([0.25, 0.0, 0.75])
    assert build(layers=[1]).normalized_weights() == [0.0, 1.0, 0.0]
    mix(layers).square().sum().backward()
    assert mix.weights.grad.shape == (2,)


def test_plain_mean_of_chosen_layers(layers) -> None:
    mix = build(layers=[1, 2], trainable=False, layer_norm=False)
    torch.testing.assert_close(mix(layers), layers[:, :, 1:].mean(dim=2))


def test_stored_fp16_is_mixed_in_fp32(layers) -> None:
    half = layers.half()
    torch.testing.assert_close(build()(half), build()(half.float()), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("chosen", "problem"),
    [
        ([3], "layers: there is no layer 3; the model has 3 layers"),
        ([0, -4], "layers: there is no layer -4"),
        ([2, -1], "names a layer twice"),
    ],
)
def test_layers_that_are_not_there_are_refused(chosen, problem) -> None:
    with pytest.raises(ConfigError, match=problem):
        build(layers=chosen)


def test_initial_weights_fit_the_chosen_layers() -> None:
    with pytest.raises(ConfigError, match="initial_weights: 3 given, but there are 2 layers to mix$"):
        build(layers=[0, 1], initial_weights=(0.0, 0.0, 0.0))


def test_frozen_or_trained(layers) -> None:
    frozen = build(trainable=False, initial_weights=(1.0, 2.0, 3.0))
    assert not any(parameter.requires_grad for parameter in frozen.parameters())
    assert set(frozen.state_dict()) == {"weights", "gamma"}  # kept with the head all the same
    trained = build()
    trained(layers).square().sum().backward()
    assert trained.weights.grad.abs().max() > 0 and trained.gamma.grad.abs() > 0


def test_penalty() -> None:
    mix = build(l2=0.1, initial_weights=(1.0, -2.0, 3.0))
    assert mix.penalty().item() == pytest.approx(0.1 * (1 + 4 + 9))
    mix.penalty().backward()
    torch.testing.assert_close(mix.weights.grad, 0.2 * torch.tensor([1.0, -2.0, 3.0]))
    assert build(initial_weights=(1.0, 2.0, 3.0)).penalty().item() == 0


def test_layer_norm_of_each_token_on_its_own(layers) -> None:
    mix = build(layer_norm=True, initial_weights=(0.3, 0.1, -0.5))
    output = mix(layers)
    shares = torch.tensor([0.3, 0.1, -0.5]).softmax(0)
    token = layers[1, 2]  # (layers, dim)
    normed = (token - token.mean(-1, keepdim=True)) / (token.var(-1, unbiased=False, keepdim=True) + 1e-5).sqrt()
    torch.testing.assert_close(output[1, 2], shares @ normed)
    changed = layers.clone()
    changed[0] = 1000.0  # another sentence
    changed[1, 3] = -50.0  # another word, or padding
    torch.testing.assert_close(mix(changed)[1, :3], output[1, :3], rtol=0, atol=0)
    padded = nn.functional.pad(layers, (0, 0, 0, 0, 0, 5))  # five more words
    mask = torch.arange(9) < torch.tensor([[4], [4]])
    torch.testing.assert_close(mix(padded, mask)[:, :4], output, rtol=0, atol=0)


def test_dropout_in_training_only(layers) -> None:
    mix = build(dropout=0.5, layer_norm=False)
    torch.manual_seed(0)
    dropped = mix(layers)
    assert 0 < (dropped == 0).float().mean() < 1
    torch.testing.assert_close(mix.eval()(layers), layers.mean(dim=2))


@pytest.mark.parametrize(
    "values", [{"l2": -1}, {"dropout": 1.0}, {"weights": [0]}, {"layers": []}, {"direction": "up"}]
)
def test_settings_out_of_range(values) -> None:
    with pytest.raises(ConfigError, match=next(iter(values))):
        validate(ScalarMix.Config, values)
