from pathlib import Path

import pytest
import torch

from elmo_xlstm.modules.vocabulary import Vocabulary
from elmo_xlstm.modules.word_vectors import WordVectors

SENTENCES = [["Budi", "pergi", "ke"], ["Jakarta", "pergi", "ke"]]


def test_word_dropout_in_training_only() -> None:
    module = WordVectors.Config(dim=4, word_dropout=0.5).build(Vocabulary(["a", "b"]))
    words = torch.tensor([[2, 3, 0]]).repeat(200, 1)
    torch.manual_seed(0)
    unknown = (module(words) == module.embedding.weight[1]).all(-1)  # (200, 3)
    assert 60 < int(unknown[:, 0].sum()) < 140 and not unknown[:, 2].any()
    module.eval()
    assert torch.equal(module(words), module.embedding.weight[words])


def test_padding_is_zero_and_stays_so() -> None:
    module = WordVectors.Config(dim=4).build(Vocabulary(["a"]))
    module(torch.tensor([[2, 0]])).sum().backward()
    assert (module.embedding.weight[0] == 0).all()
    assert module.embedding.weight.grad is not None and (module.embedding.weight.grad[0] == 0).all()


def test_frozen_vectors() -> None:
    module = WordVectors.Config(dim=4, trainable=False).build(Vocabulary(["a"]))
    assert not any(parameter.requires_grad for parameter in module.parameters())


@pytest.fixture
def vectors(tmp_path: Path) -> Path:
    path = tmp_path / "id.vec"
    path.write_text("4 2\ndan 9 9\nbudi 1 2\npergi 3 4\nPergi 5 6\n")
    return path


def test_pretrained_vectors_with_case_fallback(vectors: Path) -> None:
    config = WordVectors.Config(dim=2, pretrained=vectors, word_dropout=0.0)
    vocabulary = config.vocabulary([*SENTENCES, ["Pergi"]])
    assert "dan" not in vocabulary
    torch.manual_seed(1)
    module = config.build(vocabulary)
    torch.manual_seed(1)
    untouched = config.build(vocabulary, initialise=False)

    def vector(word: str) -> list[float]:
        return module(torch.tensor([vocabulary.encode([word])]))[0, 0].tolist()

    assert vector("Budi") == [1, 2]  # only in lower case in the file
    assert vector("pergi") == [3, 4] and vector("Pergi") == [5, 6]
    jakarta = vocabulary.encode(["Jakarta"])[0]
    assert torch.equal(module.embedding.weight[jakarta], untouched.embedding.weight[jakarta])
    assert untouched.embedding.weight.abs().max() <= (3 / 2) ** 0.5
    assert module.load_pretrained(vectors, vocabulary) == 3


def test_pretrained_vectors_of_a_lower_casing_vocabulary(vectors: Path) -> None:
    vectors.write_text("Jakarta 1 2\nBudi 3 4\nbudi 5 6\n")
    config = WordVectors.Config(dim=2, pretrained=vectors, lower_case=True)
    vocabulary = config.vocabulary(SENTENCES)
    weight = config.build(vocabulary).embedding.weight
    assert weight[vocabulary.encode(["jakarta"])[0]].tolist() == [1, 2]
    assert weight[vocabulary.encode(["budi"])[0]].tolist() == [5, 6]  # the very form goes before another casing


def test_words_of_the_file_join_the_vocabulary(vectors: Path) -> None:
    config = WordVectors.Config(dim=2, pretrained=vectors, pretrained_words=2)
    vocabulary = config.vocabulary(SENTENCES)
    assert vocabulary.tokens == ("ke", "pergi", "Budi", "Jakarta", "dan", "budi")
    assert config.build(vocabulary).embedding.weight[6].tolist() == [9, 9]
