import torch

from elmo_xlstm.modules.char_cnn import CharCNN
from elmo_xlstm.modules.vocabulary import Vocabulary


def make(**settings: int) -> tuple[CharCNN, Vocabulary]:
    torch.manual_seed(0)
    config = CharCNN.Config(dim=5, filters=7, **settings)
    vocabulary = config.vocabulary([["Budi", "pergi"], ["ke"]])
    return CharCNN(config, len(vocabulary)), vocabulary


def encode(vocabulary: Vocabulary, words: list[str], width: int) -> torch.Tensor:
    rows = [vocabulary.encode(word) for word in words]
    return torch.tensor([[row + [0] * (width - len(row)) for row in rows]])


def test_by_hand() -> None:
    module, vocabulary = make()
    with torch.no_grad():
        got = module(encode(vocabulary, ["Budi"], 4))[0, 0]
        edge = torch.zeros(1, 5)
        embedded = torch.cat([edge, module.embedding(encode(vocabulary, ["Budi"], 4))[0, 0], edge])
        weight, bias = module.convolution.weight, module.convolution.bias
        windows = torch.stack([(weight * embedded[i : i + 3].T).sum((1, 2)) + bias for i in range(4)])
    torch.testing.assert_close(got, windows.max(0).values)


def test_neither_padding_nor_other_words_matter() -> None:
    for kernel_size in (1, 3, 5):
        module, vocabulary = make(kernel_size=kernel_size)
        alone = module(encode(vocabulary, ["ke"], 2))
        wide = module(encode(vocabulary, ["pergi", "ke", "Budi"], 11))
        torch.testing.assert_close(alone[0, 0], wide[0, 1])


def test_words_without_characters_are_zero() -> None:
    module, vocabulary = make()
    vectors = module(encode(vocabulary, ["", "ke"], 3))
    assert (vectors[0, 0] == 0).all() and (vectors[0, 1] != 0).any()
    assert (module(torch.zeros(2, 3, 0, dtype=torch.long)) == 0).all()


def test_casing_and_order_of_characters_matter() -> None:
    module, vocabulary = make()
    vectors = module(encode(vocabulary, ["Bu", "bu", "uB"], 2))[0]
    assert not torch.allclose(vectors[0], vectors[1]) and not torch.allclose(vectors[0], vectors[2])


def test_padding_is_never_trained() -> None:
    module, vocabulary = make()
    module(encode(vocabulary, ["ke", "Budi"], 9)).square().sum().backward()
    gradient = module.embedding.weight.grad
    assert gradient is not None and (gradient[0] == 0).all() and (gradient[2:] != 0).any()
