from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from accelerate import Accelerator

from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.scoring import validate_model
from elmo_xlstm.text.shards import TokenStream


@pytest.fixture
def model() -> BiXLSTM:
    torch.manual_seed(0)
    config = BiXLSTMConfig(
        vocab_size=20, embedding_dim=8, num_blocks=1, num_heads=2, context_length=8, dropout=0.5, pad_token_id=3
    )
    return BiXLSTM(config).train()


@pytest.fixture
def stream(make_stream: Callable[..., TokenStream]) -> TokenStream:
    return make_stream(np.random.default_rng(0).integers(0, 20, 53), characters=211)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_is_the_average_over_all_predictions(model: BiXLSTM, stream: TokenStream, batch_size: int) -> None:
    found = validate_model(model, stream, batch_size, None, Accelerator())
    model.eval()
    nats = torch.zeros(2)
    with torch.no_grad():
        for start in range(0, 53, 8):  # the last window has 5 tokens
            window = torch.from_numpy(stream.read(start, min(start + 8, 53))).unsqueeze(0)
            output = model(window)
            nats += torch.stack([output.forward_loss, output.backward_loss]) * (window.shape[1] - 1)
    forward, backward = (nats / (53 - 7)).tolist()  # each of the seven windows predicts one piece fewer than it has
    assert found.loss == pytest.approx((forward + backward) / 2, rel=1e-5)
    assert found.forward_perplexity == pytest.approx(math.exp(forward), rel=1e-5)
    assert found.backward_perplexity == pytest.approx(math.exp(backward), rel=1e-5)
    assert found.forward_bits_per_character == pytest.approx(forward / math.log(2) * 53 / 211, rel=1e-5)
    assert found.backward_bits_per_character == pytest.approx(backward / math.log(2) * 53 / 211, rel=1e-5)


def test_is_exact_without_dropout_and_leaves_the_model_as_it_was(model: BiXLSTM, stream: TokenStream) -> None:
    state = torch.get_rng_state()
    first = validate_model(model, stream, 4, None, Accelerator())
    assert model.training and validate_model(model, stream, 4, None, Accelerator()) == first
    assert torch.equal(torch.get_rng_state(), state)  # so that validating more often changes no training
    model.eval()
    assert validate_model(model, stream, 4, None, Accelerator()) == first and not model.training


def test_at_most_so_many_tokens_are_read(
    model: BiXLSTM, stream: TokenStream, make_stream: Callable[..., TokenStream]
) -> None:
    part = validate_model(model, stream, 4, 20, Accelerator())
    assert part.loss != validate_model(model, stream, 4, None, Accelerator()).loss
    short = validate_model(model, make_stream(stream.read(0, 20)), 4, None, Accelerator())
    assert part.loss == pytest.approx(short.loss, rel=1e-9)


def test_a_model_that_knows_nothing_has_the_perplexity_of_the_vocabulary(model: BiXLSTM, stream: TokenStream) -> None:
    for weight in model.softmax_weights():
        torch.nn.init.zeros_(weight)
    found = validate_model(model, stream, 4, None, Accelerator())
    assert found.forward_perplexity == pytest.approx(20, rel=1e-5)
    assert found.as_dict()["loss"] == pytest.approx(math.log(20), rel=1e-6)


def test_an_adaptive_model_is_scored_by_its_own_distribution(stream: TokenStream) -> None:
    torch.manual_seed(0)
    sizes = {"vocab_size": 20, "embedding_dim": 8, "num_blocks": 1, "num_heads": 2, "context_length": 8}
    model = BiXLSTM(BiXLSTMConfig(**sizes, softmax_clusters=[4, 10]))
    model.order_vocabulary(np.arange(20))  # the last piece is the most frequent
    for weight in (*model.softmax_weights(), *model.softmax_cluster_weights()):
        torch.nn.init.zeros_(weight)
    found = validate_model(model, stream, 4, None, Accelerator())
    # Head: four pieces and two clusters; clusters of six and ten pieces; all even.
    nats = np.log([6 * 10] * 10 + [6 * 6] * 6 + [6] * 4)
    tokens = stream.read(0, 53)
    firsts, lasts = np.arange(0, 53, 8), np.array([7, 15, 23, 31, 39, 47, 52])
    forward, backward = (np.delete(nats[tokens], without).mean() for without in (firsts, lasts))
    assert found.forward_perplexity == pytest.approx(math.exp(forward), rel=1e-5)
    assert found.backward_perplexity == pytest.approx(math.exp(backward), rel=1e-5)


def test_a_loss_beyond_all_exponentials_is_an_infinite_perplexity(model: BiXLSTM, stream: TokenStream) -> None:
    torch.nn.init.normal_(model.forward_softmax, std=1e4)
    found = validate_model(model, stream, 4, None, Accelerator())
    assert math.isfinite(found.loss) and found.forward_perplexity == math.inf
