from __future__ import annotations

import random

import pytest
import torch

from elmo_xlstm.config import validate
from elmo_xlstm.modules import FeatureInputs, LabelCollator, LabelledExample, PairClassifier, Sentence

LABELS = ["same", "other"]


def build(examples, layers_shape, **head) -> tuple[PairClassifier, LabelCollator]:
    settings = {"dropout": 0.0, "encoder": None, "output_dropout": 0.0, "hidden_size": 8}
    config = validate(PairClassifier.Config, {"mix": {}, "words": {"dim": 6, "word_dropout": 0.0}, **settings, **head})
    vocabularies = config.vocabularies([text.words for example in examples for text in example.texts])
    torch.manual_seed(0)
    head = config.build(LABELS, FeatureInputs(layers_shape, vocabularies))
    return head, LabelCollator(LABELS, *vocabularies)


@pytest.fixture
def pairs(make_texts):
    """Pairs of the same text, and of a text with another one."""

    def make(count: int, seed: int) -> list[LabelledExample]:
        generator = random.Random(seed)
        examples = []
        for example in make_texts(count, seed, texts=2):
            one, other = example.texts
            same = generator.random() < 0.5 or one.words == other.words
            examples.append(LabelledExample((one, one if same else other), ["same" if same else "other"]))
        return examples

    return make


@pytest.mark.parametrize("cross_attention", [None, 8])
def test_learns_what_is_equal(cross_attention, pairs, layers_shape) -> None:
    train_set, held_out = pairs(150, seed=1), pairs(60, seed=2)
    head, collate = build(train_set, layers_shape, cross_attention=cross_attention)
    optimizer = torch.optim.Adam(head.parameters(), lr=1e-2)
    for start in list(range(0, 150, 25)) * 12:
        optimizer.zero_grad()
        head.loss(collate(train_set[start : start + 25])).backward()
        optimizer.step()
    head.eval()
    batch = collate(held_out)
    assert (head.probabilities(batch).argmax(dim=-1) == batch.labels).float().mean() > 0.9


@pytest.mark.parametrize("cross_attention", [None, 8])
@pytest.mark.parametrize("encoder", [None, {"hidden_size": 4}])
def test_a_pair_does_not_depend_on_its_batch(cross_attention, encoder, pairs, layers_shape) -> None:
    examples = pairs(6, seed=3)
    head, collate = build(examples, layers_shape, cross_attention=cross_attention, encoder=encoder)
    head.eval()
    logits = head(collate(examples))
    assert logits.shape == (6, 1, 2)
    for row, example in enumerate(examples):
        torch.testing.assert_close(head(collate([example]))[0], logits[row])


@pytest.mark.parametrize("cross_attention", [None, 8])
def test_both_texts_are_read_by_the_same_encoder(cross_attention, pairs, layers_shape) -> None:
    """The absolute difference of a text and itself is zero, so that only u, v and their product reach the output."""
    examples = [LabelledExample((example.texts[0],) * 2, ["same"]) for example in pairs(3, seed=4)]
    head, collate = build(examples, layers_shape, cross_attention=cross_attention)
    head.eval()
    seen = []
    head.output.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    head(collate(examples))
    u, v, difference, product = seen[0].chunk(4, dim=-1)
    torch.testing.assert_close(u, v)
    torch.testing.assert_close(difference, torch.zeros_like(difference))
    torch.testing.assert_close(product, u * v)


def test_cross_attention_sees_one_word_in_the_other_text(layers_shape, make_texts) -> None:
    words = ["a", "b", "c", "d"]
    texts = [Sentence(words), Sentence([*words[:3], "e"])]
    examples = [LabelledExample((texts[0], texts[1]), ["other"])]
    head, collate = build(examples, layers_shape, mix=None, cross_attention=8)
    batch = collate(examples)
    before = head(batch)
    batch.texts[1].words[0, 3] = batch.texts[1].words[0, 0]
    assert not torch.allclose(before, head(batch))


def test_overlaps_tell_pairs_of_words_that_nothing_else_tells(layers_shape) -> None:
    """Each word of the training pairs is in pairs of both labels, and the held-out pairs have words of their own."""

    def make(names: range) -> list[LabelledExample]:
        texts = [[f"{name}-{word}" for word in range(6)] for name in names]
        ones = [Sentence(text) for text in texts]
        near = [LabelledExample((one, Sentence([*one.words[:4], "lain"])), ["same"]) for one in ones]
        far = [LabelledExample((one, two), ["other"]) for one, two in zip(ones, ones[1:] + ones[:1], strict=True)]
        return near + far

    train_set, held_out = make(range(40)), make(range(40, 50))
    settings = {"mix": None, "words": {"dim": 6, "min_count": 99, "word_dropout": 0.0}}  # all words are unknown
    head, collate = build(train_set, layers_shape, overlaps=True, **settings)
    optimizer = torch.optim.Adam(head.parameters(), lr=5e-2)
    for _ in range(60):
        optimizer.zero_grad()
        head.loss(collate(train_set)).backward()
        optimizer.step()
    head.eval()
    batch = collate(held_out)
    assert torch.equal(head.probabilities(batch).argmax(dim=-1), batch.labels)
    plain, collate = build(train_set, layers_shape, **settings)
    with torch.no_grad():
        logits = plain.eval()(collate(held_out))
    torch.testing.assert_close(logits[1:10], logits[:1].expand(9, -1, -1))


def test_every_parameter_is_trained_and_counted(pairs, layers_shape) -> None:
    examples = pairs(4, seed=5)
    head, collate = build(
        examples, layers_shape, cross_attention=8, projection=5, encoder={"hidden_size": 4}, overlaps=True
    )
    head.loss(collate(examples)).backward()
    assert all(parameter.grad is not None for parameter in head.parameters())
    counts = head.parameter_counts()
    assert set(counts) == {"mix", "words", "projection", "encoder", "comparison", "output", "overlaps"}
    assert sum(counts.values()) == sum(parameter.numel() for parameter in head.parameters())


def test_single_texts_are_refused(make_texts, layers_shape) -> None:
    examples = [example._replace(labels=["same"]) for example in make_texts(3, seed=6)]
    head, collate = build(examples, layers_shape)
    with pytest.raises(ValueError, match="unpack"):
        head(collate(examples))
