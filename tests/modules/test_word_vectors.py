import gzip
from pathlib import Path

import pytest
import torch

from elmo_xlstm.errors import UserError
from elmo_xlstm.modules.vocabulary import Vocabulary
from elmo_xlstm.modules.word_vectors import WordVectors, read_vectors

SENTENCES = [["Budi", "pergi", "ke"], ["Jakarta", "pergi", "ke"]]


def test_word_dropout_in_training_only() -> None:
    module = WordVectors(WordVectors.Config(dim=4, word_dropout=0.5), Vocabulary(["a", "b"]))
    words = torch.tensor([[2, 3, 0]]).repeat(200, 1)
    torch.manual_seed(0)
    unknown = (module(words) == module.embedding.weight[1]).all(-1)  # (200, 3)
    assert 60 < int(unknown[:, 0].sum()) < 140 and not unknown[:, 2].any()
    module.eval()
    assert torch.equal(module(words), module.embedding.weight[words])


def test_padding_is_zero_and_stays_so() -> None:
    module = WordVectors(WordVectors.Config(dim=4), Vocabulary(["a"]))
    module(torch.tensor([[2, 0]])).sum().backward()
    assert (module.embedding.weight[0] == 0).all()
    assert module.embedding.weight.grad is not None and (module.embedding.weight.grad[0] == 0).all()


def test_frozen_vectors() -> None:
    module = WordVectors(WordVectors.Config(dim=4, trainable=False), Vocabulary(["a"]))
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
    module = WordVectors(config, vocabulary)
    torch.manual_seed(1)
    untouched = WordVectors(config, vocabulary, read_pretrained=False)

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
    weight = WordVectors(config, vocabulary).embedding.weight
    assert weight[vocabulary.encode(["jakarta"])[0]].tolist() == [1, 2]
    assert weight[vocabulary.encode(["budi"])[0]].tolist() == [5, 6]  # the very form goes before another casing


def test_words_of_the_file_join_the_vocabulary(vectors: Path) -> None:
    config = WordVectors.Config(dim=2, pretrained=vectors, pretrained_words=2)
    vocabulary = config.vocabulary(SENTENCES)
    assert vocabulary.tokens == ("ke", "pergi", "Budi", "Jakarta", "dan", "budi")
    assert WordVectors(config, vocabulary).embedding.weight[6].tolist() == [9, 9]


TEXT = "2 3\nJakarta 1 2 3\nNew York -1 0.5 1e-2 \n"


@pytest.mark.parametrize("header", [True, False])
def test_plain_and_packed(tmp_path: Path, header: bool) -> None:
    text = TEXT if header else TEXT.split("\n", 1)[1]
    (tmp_path / "a.vec").write_text(text)
    (tmp_path / "a.vec.gz").write_bytes(gzip.compress(text.encode()))
    for name in ("a.vec", "a.vec.gz"):
        found = {word: vector.tolist() for word, vector in read_vectors(tmp_path / name, 3)}
        assert found == {"Jakarta": [1, 2, 3], "New York": pytest.approx([-1, 0.5, 0.01])}


@pytest.mark.parametrize("end", ["\r", "\r\n"])
def test_line_ends_change_nothing(tmp_path: Path, end: str) -> None:
    text = TEXT.replace("Jakarta", "Jak\x85arta\u2028")
    (tmp_path / "a.vec").write_bytes(text.replace("\n", end).encode())
    assert [word for word, _ in read_vectors(tmp_path / "a.vec", 3)] == ["Jak\x85arta\u2028", "New York"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2 4\nJakarta 1 2 3 4\n", "a.vec:1: vectors are 4 wide, but dim is 3"),
        ("Jakarta 1 2 3\nBali 1 2\n", "a.vec:2: expected a word and 3 numbers"),
        ("Jakarta 1 x 3\n", "a.vec:1: expected a word"),
    ],
)
def test_malformed_lines_are_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.vec").write_text(text)
    with pytest.raises(UserError, match=message):
        list(read_vectors(tmp_path / "a.vec", 3))


def test_missing_and_cut_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        list(read_vectors(tmp_path / "none.vec", 3))
    packed = gzip.compress((TEXT * 1).encode())
    for data in (packed[:-12], b"plain text"):
        (tmp_path / "a.vec.gz").write_bytes(data)
        with pytest.raises(UserError, match="cannot be unpacked"):
            list(read_vectors(tmp_path / "a.vec.gz", 3))
