import itertools
import random

import numpy as np
import pytest
import torch
from seqeval.metrics import f1_score

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.embedding.scalar_mix import ScalarMix
from elmo_xlstm.modules import BiLSTM, CharCNN, FeatureInputs, Sentence, Tagger, WordCollator, WordVectors

LABELS = ["O", "B-PER", "I-PER", "B-LOC"]
NUM_LAYERS, DIM = 3, 8
PARTS = ("mix", "characters", "words")


def make_sentences(count: int, seed: int) -> list[Sentence]:
    """People follow a title and their names begin with "Su"; places follow "di"; names are new in every sentence."""
    generator = random.Random(seed)
    letters = "abdegiklmnoprtu"
    layers_of: dict[str, np.ndarray] = {}
    sentences = []
    for _ in range(count):
        words, tags = [], []
        for _ in range(generator.randint(1, 3)):
            name = "".join(generator.choices(letters, k=5))
            kind = generator.choice(["person", "place", "other"])
            words += {"person": ["Pak", "Su" + name], "place": ["di", name.title()], "other": ["itu", name]}[kind]
            tags += {"person": ["B-PER", "I-PER"], "place": ["O", "B-LOC"], "other": ["O", "O"]}[kind]
        for word in words:
            noise = np.random.default_rng(sum(map(ord, word)))
            layers_of[word] = noise.normal(size=(NUM_LAYERS, DIM)).astype(np.float16)
        sentences.append(Sentence(words, tags, np.stack([layers_of[word] for word in words])))
    return sentences


def make_tagger(
    sentences: list[Sentence], parts: tuple[str, ...] = PARTS, seed: int = 0, **settings: object
) -> tuple[Tagger, WordCollator]:
    torch.manual_seed(seed)
    features = {
        "mix": ScalarMix.Config(l2=0.01),
        "characters": CharCNN.Config(dim=10, filters=16),
        "words": WordVectors.Config(dim=12),
    }
    config = Tagger.Config(
        **{part: features[part] for part in parts},
        **{"encoder": BiLSTM.Config(hidden_size=16, output_dropout=0.2), "dropout": 0.1, **settings},
    )
    vocabularies = config.vocabularies([sentence.words for sentence in sentences])
    tagger = config.build(LABELS, FeatureInputs((NUM_LAYERS, DIM), vocabularies))
    return tagger, WordCollator(tagger.scheme, *vocabularies)


@pytest.mark.parametrize(
    "settings", [{"crf": True}, {"crf": False}, {"projection": 24}], ids=["crf", "soft-max", "projection"]
)
def test_learns_prefixes_and_neighbours(settings: dict[str, object]) -> None:
    train, held_out = make_sentences(150, seed=1), make_sentences(60, seed=2)
    tagger, collate = make_tagger(train, ("characters", "words"), **settings)
    optimizer = torch.optim.Adam(tagger.parameters(), lr=1e-2)
    for start in list(range(0, 150, 25)) * 8:
        optimizer.zero_grad()
        tagger.loss(collate(train[start : start + 25])).backward()
        optimizer.step()
    tagger.eval()
    decoded = [tagger.scheme.decode(ids) for ids in tagger.decode(collate(held_out))]
    assert f1_score([list(sentence.tags or ()) for sentence in held_out], decoded) > 0.95


@pytest.mark.parametrize("parts", [p for n in (1, 2, 3) for p in itertools.combinations(PARTS, n)], ids="+".join)
def test_any_subset_of_features(parts: tuple[str, ...]) -> None:
    sentences = make_sentences(5, seed=3)
    tagger, collate = make_tagger(sentences, parts, projection=6)
    batch = collate(sentences)
    tagger.loss(batch).backward()
    assert all(parameter.grad is not None for parameter in tagger.parameters())
    assert [len(path) for path in tagger.decode(batch)] == [len(sentence.words) for sentence in sentences]
    counts = tagger.parameter_counts()
    assert set(counts) == {*parts, "encoder", "projection", "crf"}
    assert sum(counts.values()) == sum(parameter.numel() for parameter in tagger.parameters())


@pytest.mark.parametrize("crf", [True, False])
def test_a_sentence_does_not_depend_on_its_batch(crf: bool) -> None:
    sentences = make_sentences(6, seed=4)
    tagger, collate = make_tagger(sentences, crf=crf)
    tagger.eval()
    together = collate(sentences)
    logits, decoded = tagger(together), tagger.decode(together)
    probabilities = tagger.probabilities(logits, together.mask).words
    for row, sentence in enumerate(sentences):
        batch, length = collate([sentence]), len(sentence.words)
        torch.testing.assert_close(tagger(batch)[0], logits[row, :length])
        alone = tagger.probabilities(tagger(batch), batch.mask).words
        torch.testing.assert_close(alone[0], probabilities[row, :length])
        assert tagger.decode(batch) == [decoded[row]]
    torch.testing.assert_close(probabilities.sum(-1), together.mask.float())


def test_the_loss_holds_the_penalty_of_the_mix() -> None:
    sentences = make_sentences(3, seed=5)
    tagger, collate = make_tagger(sentences)
    tagger.eval()
    assert tagger.features.mix is not None
    batch = collate(sentences)
    before = tagger.loss(batch)
    with torch.no_grad():
        tagger.features.mix.weights += 2.0  # the same mixture, for soft-max ignores a common shift
    torch.testing.assert_close(tagger.loss(batch) - before, torch.tensor(0.01 * 3 * 4.0), atol=1e-3, rtol=0)


def test_weights_can_be_loaded_into_a_tagger_built_alike() -> None:
    sentences = make_sentences(4, seed=6)
    tagger, collate = make_tagger(sentences, seed=1)
    other, _ = make_tagger(sentences, seed=2)
    other.load_state_dict(tagger.state_dict())
    batch = collate(sentences)
    assert torch.equal(tagger.eval()(batch), other.eval()(batch))


def test_a_tagger_needs_a_feature() -> None:
    with pytest.raises(ConfigError, match="at least one of mix, characters and words"):
        validate(Tagger.Config, {"dropout": 0.1})


def test_what_a_feature_needs_must_be_given() -> None:
    for part, message in (("mix", "number and width"), ("characters", "character vocab"), ("words", "word vocab")):
        config = validate(Tagger.Config, {part: {}})
        with pytest.raises(ValueError, match=message):
            config.build(LABELS, FeatureInputs())
    sentences = make_sentences(2, seed=7)
    tagger, collate = make_tagger(sentences)
    bare = [Sentence(sentence.words) for sentence in sentences]
    with pytest.raises(ValueError, match="no layers"):
        tagger(collate(bare))
    with pytest.raises(ValueError, match="no tags"):
        tagger.loss(collate([Sentence(sentence.words, None, sentence.layers) for sentence in sentences]))
