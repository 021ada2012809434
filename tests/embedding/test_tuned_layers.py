from __future__ import annotations

import pytest
import torch
from torch import Tensor

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.embedding import ElmoEmbedder, EmbedderSettings
from elmo_xlstm.embedding.pieces import PieceBatch
from elmo_xlstm.embedding.tuned_layers import TunedLayers
from elmo_xlstm.lm.backbones.mlstm import cell

SENTENCES = [["Siti", "tiba", "di", "Surabaya"], ["Budi"], ["Jakarta", "xyz", "", "🦜", "pagi"], ["di"] * 40]


def build(embedder: ElmoEmbedder, **values: float) -> TunedLayers:
    embedder.fine_tune = validate(TunedLayers.Config, values)
    layers = embedder.trainable_layers()
    assert layers is not None
    return layers


def batch_of(embedder: ElmoEmbedder, sentences: list[list[str]]) -> PieceBatch:
    return PieceBatch.of([embedder.pieces(words) for words in sentences])


def vectors(layers: TunedLayers, embedder: ElmoEmbedder, sentences: list[list[str]]) -> list[Tensor]:
    return list(layers(batch_of(embedder, sentences)).split([len(words) for words in sentences]))


@pytest.mark.parametrize("pooling", ["boundary", "mean"])
def test_begins_with_the_frozen_models_vectors(model_directory, pooling) -> None:
    embedder = ElmoEmbedder.from_pretrained(model_directory, pooling, device="cpu")
    layers = build(embedder).eval()
    for own, frozen in zip(vectors(layers, embedder, SENTENCES), embedder(SENTENCES), strict=True):
        torch.testing.assert_close(own, torch.from_numpy(frozen), atol=1e-5, rtol=1e-5)


def test_fast_products_are_chosen(embedder, chosen_precisions) -> None:
    vectors(build(embedder), embedder, SENTENCES)
    assert chosen_precisions == ["bf16", "none"]


def test_a_frozen_embedder_has_none(embedder) -> None:
    assert embedder.trainable_layers() is None


def test_company_and_padding_do_not_matter(embedder) -> None:
    layers = build(embedder).eval()
    for words, together in zip(SENTENCES, vectors(layers, embedder, SENTENCES), strict=True):
        (alone,) = vectors(layers, embedder, [words])
        torch.testing.assert_close(alone, together, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("pooling", ["boundary", "first", "last", "mean"])
def test_gradients_reach_every_parameter(model_directory, pooling) -> None:
    embedder = ElmoEmbedder.from_pretrained(model_directory, pooling, device="cpu")
    layers = build(embedder)
    layers(batch_of(embedder, SENTENCES)).square().sum().backward()
    for name, parameter in layers.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name
    assert all(parameter.grad is None for parameter in embedder.parameters())


def test_longer_than_one_matrix_of_weights(embedder, monkeypatch) -> None:
    """A text is read whole, chunk after chunk, as the frozen model reads it; and gradients go all the way."""
    monkeypatch.setattr(cell, "PARALLEL_LENGTH", 16)
    monkeypatch.setattr("elmo_xlstm.lm.native.cell.PARALLEL_LENGTH", 16)
    monkeypatch.setattr("elmo_xlstm.embedding.frozen_model.PARALLEL_LENGTH", 16)
    monkeypatch.setattr(cell, "CHUNK_LENGTH", 8)
    words = ["Siti", "tiba", "di", "Surabaya"] * 15
    layers = build(embedder).eval()
    embedding = layers.model.token_embedding.weight
    (own,) = vectors(layers, embedder, [words])
    torch.testing.assert_close(own, torch.from_numpy(embedder([words])[0]), atol=1e-4, rtol=1e-4)
    own[-1, 1:, : embedder.dim // 2].sum().backward()  # the forward half of the last word alone
    first = embedder.pieces(words).input_ids[0]
    assert embedding.grad is not None and embedding.grad[first].abs().sum() > 0


def test_what_is_learned_is_learned_by_a_copy(embedder) -> None:
    before = embedder.fingerprint
    layers = build(embedder)
    optimizer = torch.optim.SGD(layers.parameters(), 0.1)
    layers(batch_of(embedder, SENTENCES)).square().mean().backward()
    optimizer.step()
    assert embedder.fingerprint == before
    assert not any(parameter.requires_grad for parameter in embedder.parameters())


def test_dropout_is_its_own_and_for_training_alone(embedder) -> None:
    assert embedder.model.config.dropout == 0.5  # of pretraining
    batch = batch_of(embedder, SENTENCES)
    still, dropping = build(embedder, dropout=0.0), build(embedder, dropout=0.3)
    assert torch.equal(still.train()(batch), still.eval()(batch))
    assert not torch.allclose(dropping.train()(batch), dropping.eval()(batch))
    torch.manual_seed(0)
    once = dropping.train()(batch)
    torch.manual_seed(0)
    assert torch.equal(dropping(batch), once)


def test_settings_of_an_embedder(model_directory, tmp_path) -> None:
    values = {"model": str(model_directory), "store": str(tmp_path / "store")}
    frozen = validate(EmbedderSettings, values)
    assert frozen.fine_tune is None and frozen.open_store(frozen.build()) is not None
    tuned = validate(EmbedderSettings, {**values, "fine_tune": {"learning_rate": 1e-3}})
    embedder = tuned.build()
    layers = embedder.trainable_layers()
    assert layers is not None and layers.learning_rate == 1e-3 and tuned.open_store(embedder) is None
    assert embedder.fingerprint == frozen.build().fingerprint  # of the weights it begins with


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_rounded_projections_cannot_be_trained(precision) -> None:
    with pytest.raises(ConfigError, match=f"projections in {precision} cannot be trained; leave precision out"):
        validate(EmbedderSettings, {"precision": precision, "fine_tune": {}})


@pytest.mark.parametrize("wrong", [{"learning_rate": 0}, {"dropout": 1}, {"epochs": 3}])
def test_wrong_settings(wrong) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        validate(EmbedderSettings, {"fine_tune": wrong})
