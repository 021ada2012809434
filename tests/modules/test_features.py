from __future__ import annotations

import itertools

import pytest
import torch

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.embedding.tuned_layers import TunedLayers
from elmo_xlstm.modules import FeatureInputs, Sentence, Tagger, WordCollator, WordFeatures

WIDTHS = {"mix": 8, "characters": 5, "words": 4}
SETTINGS = {"mix": {"l2": 0.5}, "characters": {"dim": 3, "filters": 5}, "words": {"dim": 4, "word_dropout": 0.0}}
SUBSETS = [parts for count in (1, 2, 3) for parts in itertools.combinations(WIDTHS, count)]


def build(make_texts, layers_shape, parts) -> tuple[WordFeatures, list[Sentence], WordCollator]:
    sentences = [example.texts[0] for example in make_texts(5, seed=1)]
    config = validate(WordFeatures.Config, {part: SETTINGS[part] for part in parts})
    vocabularies = config.vocabularies([sentence.words for sentence in sentences])
    torch.manual_seed(0)
    features = WordFeatures(config, FeatureInputs(layers_shape, vocabularies))
    return features, sentences, WordCollator(None, *vocabularies)


@pytest.mark.parametrize("parts", SUBSETS, ids="+".join)
def test_the_parts_are_concatenated_in_their_order(parts, make_texts, layers_shape) -> None:
    features, sentences, collate = build(make_texts, layers_shape, parts)
    assert features.output_dim == sum(WIDTHS[part] for part in parts)
    batch = collate(sentences)
    output = features(batch)
    assert output.shape == (5, batch.mask.shape[1], features.output_dim)
    start = 0
    for part in parts:
        alone = {
            "mix": lambda: features.mix(batch.layers.float()),
            "characters": lambda: features.characters(batch.characters),
            "words": lambda: features.words(batch.words),
        }[part]()
        torch.testing.assert_close(output[..., start : start + WIDTHS[part]], alone)
        start += WIDTHS[part]


def test_vocabularies_are_made_for_what_is_wanted() -> None:
    sentences = [["Kota", "Batu"], ["batu"]]
    none = validate(WordFeatures.Config, {"mix": {}}).vocabularies(sentences)
    assert none == (None, None)
    both = validate(WordFeatures.Config, {"words": {"lower_case": True}, "characters": {}}).vocabularies(sentences)
    assert both.words.tokens == ("batu", "kota") and set(both.characters.tokens) == set("KotaBatub")


def test_the_penalty_is_the_mixs(make_texts, layers_shape) -> None:
    features, _, _ = build(make_texts, layers_shape, ("mix",))
    with torch.no_grad():
        features.mix.weights.fill_(2.0)
    assert features.penalty().item() == pytest.approx(0.5 * 3 * 4)
    assert build(make_texts, layers_shape, ("words",))[0].penalty() == 0


def test_something_must_be_read() -> None:
    with pytest.raises(ConfigError, match="at least one of mix, characters and words"):
        validate(WordFeatures.Config, {})


@pytest.mark.parametrize(("part", "message"), [("mix", "number and width"), ("characters", "char"), ("words", "word")])
def test_what_a_part_needs_must_be_given(part, message) -> None:
    with pytest.raises(ValueError, match=message):
        WordFeatures(validate(WordFeatures.Config, {part: {}}), FeatureInputs())


@pytest.mark.parametrize(("part", "name"), [("mix", "layers"), ("characters", "characters"), ("words", "words")])
def test_what_a_batch_lacks_is_named(part, name, make_texts, layers_shape) -> None:
    features, sentences, _ = build(make_texts, layers_shape, (part,))
    bare = WordCollator(None)([sentence._replace(layers=None) for sentence in sentences])
    with pytest.raises(ValueError, match=f"no {name}, which this head needs"):
        features(bare)


@pytest.fixture
def computing(embedder):
    """Features that compute their layers, and a batch with pieces of two sentences."""
    embedder.fine_tune = TunedLayers.Config()
    inputs = FeatureInputs((embedder.num_layers, embedder.dim))
    features = WordFeatures(validate(WordFeatures.Config, {"mix": {}}), inputs)
    features.compute_layers(embedder.trainable_layers())
    sentences = [["Siti", "tiba", "di", "Surabaya"], ["Budi"]]
    batch = WordCollator(None)([Sentence(words, pieces=embedder.pieces(words)) for words in sentences])
    return features.eval(), batch, embedder(sentences)


def test_layers_are_computed_where_they_are_not_read(computing) -> None:
    features, batch, vectors = computing
    stored = torch.zeros(2, 4, *vectors[0].shape[1:])
    for row, layers in zip(stored, vectors, strict=True):
        row[: len(layers)] = torch.from_numpy(layers)
    torch.testing.assert_close(features(batch), features.mix(stored), atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="no pieces, which this head needs"):
        features(WordCollator(None)([Sentence(["Siti"])]))


def test_a_loss_reaches_the_language_model(computing) -> None:
    features, batch, _ = computing
    features(batch)[batch.mask].square().sum().backward()
    for name, parameter in features.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_a_language_model_that_learns_is_a_part_of_the_head(embedder) -> None:
    embedder.fine_tune = TunedLayers.Config()
    inputs = FeatureInputs((embedder.num_layers, embedder.dim))
    head = validate(Tagger.Config, {"mix": {}, "encoder": None}).build(["O"], inputs)
    assert head.features.state_dict().keys() == {"mix.weights", "mix.gamma"}
    head.features.compute_layers(embedder.trainable_layers())
    counts = head.parameter_counts()
    assert counts["language_model"] == sum(p.numel() for p in head.features.language_model.parameters()) > 0


def test_a_heads_settings_begin_with_the_features() -> None:
    config = validate(Tagger.Config, {"words": {"dim": 3}})
    assert isinstance(config, WordFeatures.Config) and config.words.dim == 3
    assert not config.needs_embedder and validate(Tagger.Config, {"mix": {}}).needs_embedder
