from __future__ import annotations

import pytest
import torch

from elmo_xlstm.config import validate
from elmo_xlstm.modules import Classifier, FeatureInputs, LabelCollator, LabelledExample
from elmo_xlstm.modules.classifier import Perceptron

LABELS = ["pos", "neg", "none"]
PARTS = {"mix": {"l2": 0.01}, "characters": {"dim": 4, "filters": 6}, "words": {"dim": 6}}


def build(examples, layers_shape, aspects=2, **head) -> tuple[Classifier, LabelCollator]:
    settings = {"dropout": 0.1, "encoder": {"hidden_size": 8, "output_dropout": 0.1}, "output_dropout": 0.1}
    config = validate(Classifier.Config, {**PARTS, **settings, "pooling": {"attention_dim": 8}, **head})
    vocabularies = config.vocabularies([text.words for example in examples for text in example.texts])
    torch.manual_seed(0)
    head = config.build(LABELS, FeatureInputs(layers_shape, vocabularies), num_aspects=aspects)
    return head, LabelCollator(LABELS, *vocabularies)


def first_label(examples: list[LabelledExample]) -> list[LabelledExample]:
    return [example._replace(labels=example.labels[:1]) for example in examples]


def train(classifier: Classifier, collate: LabelCollator, examples: list[LabelledExample], epochs: int) -> None:
    optimizer = torch.optim.Adam(classifier.parameters(), lr=1e-2)
    classifier.train()
    for start in list(range(0, len(examples), 20)) * epochs:
        optimizer.zero_grad()
        classifier.loss(collate(examples[start : start + 20])).backward()
        optimizer.step()
    classifier.eval()


@pytest.mark.parametrize("aspects", [1, 2])
def test_learns_which_word_is_said_of_which_aspect(aspects, make_texts, layers_shape) -> None:
    train_set, held_out = make_texts(120, seed=1), make_texts(60, seed=2)
    if aspects == 1:
        train_set, held_out = first_label(train_set), first_label(held_out)
    classifier, collate = build(
        train_set, layers_shape, aspects, pooling={"attention_dim": 8, "methods": ["attention"]}
    )
    train(classifier, collate, train_set, epochs=8)
    batch = collate(held_out)
    right = classifier.probabilities(batch).argmax(dim=-1) == batch.labels
    assert right.shape == (60, aspects) and right.float().mean() > 0.9


def test_attention_of_each_aspect_looks_at_its_own_words(make_texts, layers_shape) -> None:
    train_set = make_texts(120, seed=3)
    no_encoder = {"encoder": None, "pooling": {"attention_dim": 8, "methods": ["attention"]}}
    classifier, collate = build(train_set, layers_shape, **no_encoder)
    train(classifier, collate, train_set, epochs=2)
    batch = collate(train_set[:5])
    weights = classifier.pooling.attention(classifier.text(batch.texts[0]), batch.texts[0].mask)
    assert weights.shape[:2] == (5, 2)
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(5, 2))
    assert not torch.allclose(weights[:, 0], weights[:, 1], atol=1e-3)


@pytest.mark.parametrize("hidden_size", [None, 5])
def test_a_text_does_not_depend_on_its_batch(hidden_size, make_texts, layers_shape) -> None:
    examples = make_texts(6, seed=4)
    classifier, collate = build(examples, layers_shape, hidden_size=hidden_size)
    classifier.eval()
    logits = classifier(collate(examples))
    assert logits.shape == (6, 2, 3)
    for row, example in enumerate(examples):
        torch.testing.assert_close(classifier(collate([example]))[0], logits[row])


def test_loss_is_the_mean_over_examples_and_aspects(make_texts, layers_shape) -> None:
    examples = make_texts(4, seed=5)
    classifier, collate = build(examples, layers_shape)
    classifier.eval()
    with torch.no_grad():
        classifier.features.mix.weights += 2.0
    batch = collate(examples)
    chosen = classifier.probabilities(batch).gather(2, batch.labels.unsqueeze(2))
    expected = -chosen.log().mean() + 0.01 * 3 * 4.0
    torch.testing.assert_close(classifier.loss(batch), expected)
    torch.testing.assert_close(classifier.probabilities(batch).sum(dim=-1), torch.ones(4, 2))


def test_every_parameter_is_trained_and_counted(make_texts, layers_shape) -> None:
    examples = make_texts(4, seed=6)
    classifier, collate = build(examples, layers_shape, hidden_size=5, projection=7)
    classifier.loss(collate(examples)).backward()
    assert all(parameter.grad is not None for parameter in classifier.parameters())
    counts = classifier.parameter_counts()
    assert set(counts) == {"mix", "characters", "words", "projection", "encoder", "pooling", "output"}
    assert sum(counts.values()) == sum(parameter.numel() for parameter in classifier.parameters())


def test_labels_must_fit(make_texts, layers_shape) -> None:
    examples = make_texts(3, seed=7)
    classifier, collate = build(examples, layers_shape)
    with pytest.raises(ValueError, match="no labels"):
        classifier.loss(collate([example._replace(labels=None) for example in examples]))
    with pytest.raises(ValueError, match="1 labels per text, this head gives 2"):
        classifier.loss(collate(first_label(examples)))
    with pytest.raises(ValueError, match="unpack"):
        classifier(collate(make_texts(3, seed=8, texts=2)))


def test_perceptrons_do_not_share_weights() -> None:
    torch.manual_seed(0)
    perceptron = Perceptron(4, 6, 3, dropout=0.0, count=2)
    vectors = torch.randn(5, 2, 4)
    for index in range(2):
        hidden = (vectors[:, index] @ perceptron.weights[0][index] + perceptron.biases[0][index]).relu()
        expected = hidden @ perceptron.weights[1][index] + perceptron.biases[1][index]
        torch.testing.assert_close(perceptron(vectors)[:, index], expected)
    same = vectors[:, :1].expand(-1, 2, -1)
    assert not torch.allclose(perceptron(same)[:, 0], perceptron(same)[:, 1])
