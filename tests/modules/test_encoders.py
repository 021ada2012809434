import pytest
import torch
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.modules import Tagger
from elmo_xlstm.modules.encoders import BiLSTM, LockedDropout


def test_neither_padding_nor_other_sentences_matter() -> None:
    torch.manual_seed(0)
    module = BiLSTM.Config(hidden_size=6, num_layers=2).build(5).eval()
    features, lengths = torch.randn(3, 7, 5), [2, 7, 4]
    mask = torch.arange(7) < torch.tensor(lengths).unsqueeze(1)
    together = module(features, mask)
    assert together.shape == (3, 7, 12) and module.output_dim == 12
    assert (together[~mask] == 0).all()
    for row, length in enumerate(lengths):
        alone = module(features[row : row + 1, :length], mask[row : row + 1, :length])
        torch.testing.assert_close(alone[0], together[row, :length])


def test_agrees_with_a_packed_bidirectional_lstm() -> None:
    torch.manual_seed(0)
    module = BiLSTM.Config(hidden_size=6).build(5).eval()
    reference = torch.nn.LSTM(5, 6, batch_first=True, bidirectional=True)
    weights = {name: tensor for name, tensor in module.forwards[0].state_dict().items()}
    weights |= {f"{name}_reverse": tensor for name, tensor in module.backwards[0].state_dict().items()}
    reference.load_state_dict(weights)
    features, lengths = torch.randn(3, 7, 5, requires_grad=True), torch.tensor([2, 7, 4])
    packed = pack_padded_sequence(features, lengths, batch_first=True, enforce_sorted=False)
    expected, _ = pad_packed_sequence(reference(packed)[0], batch_first=True)
    got = module(features, torch.arange(7) < lengths.unsqueeze(1))
    torch.testing.assert_close(got, expected)
    cotangent = torch.randn_like(got)
    (expected_gradient,) = torch.autograd.grad(expected, features, cotangent)
    (gradient,) = torch.autograd.grad(got, features, cotangent)
    torch.testing.assert_close(gradient, expected_gradient)


def test_both_directions_are_read() -> None:
    torch.manual_seed(0)
    module = BiLSTM.Config(hidden_size=6).build(5).eval()
    features, mask = torch.randn(1, 4, 5), torch.ones(1, 4, dtype=torch.bool)
    before = module(features, mask)
    features[0, 1] += 1
    changed = (module(features, mask) != before)[0]
    assert changed[2:, :6].any(1).all() and not changed[0, :6].any()  # forward: words after
    assert changed[0, 6:].any() and not changed[2:, 6:].any()  # backward: words before


def test_locked_dropout_is_the_same_at_every_word_of_a_sentence() -> None:
    torch.manual_seed(0)
    dropout = LockedDropout(0.4)
    dropped = dropout(torch.ones(50, 6, 20))
    assert torch.equal(dropped, dropped[:, :1].expand_as(dropped))
    assert dropped.unique().tolist() == [0.0, pytest.approx(1 / 0.6)]
    assert not torch.equal(dropped[0], dropped[1])
    assert abs(float((dropped == 0).float().mean()) - 0.4) < 0.05
    assert torch.equal(dropout.eval()(dropped), dropped)


@pytest.mark.parametrize("variational", [True, False])
def test_dropout_in_training_only(variational: bool) -> None:
    torch.manual_seed(0)
    config = BiLSTM.Config(hidden_size=4, input_dropout=0.5, output_dropout=0.5, variational=variational)
    module = config.build(5)
    features, mask = torch.randn(2, 3, 5), torch.ones(2, 3, dtype=torch.bool)
    output = module(features, mask)
    zero = output == 0
    assert zero.any() and (torch.equal(zero[:, 0], zero[:, 2]) == variational)
    module.eval()
    assert torch.equal(module(features, mask), module(features, mask))


def test_left_padding_is_refused() -> None:
    module = BiLSTM.Config(hidden_size=4).build(5)
    with pytest.raises(ValueError, match="padding before"):
        module(torch.randn(1, 2, 5), torch.tensor([[False, True]]))


def test_encoders_are_chosen_by_type() -> None:
    values = {"words": {}, "encoder": {"hidden_size": 3}}
    head = validate(Tagger.Config, values)
    assert isinstance(head.encoder, BiLSTM.Config) and head.encoder.hidden_size == 3
    assert "type" not in head.model_dump()["encoder"]  # as in results and runs of earlier versions
    assert validate(Tagger.Config, {"words": {}, "encoder": {"type": "bilstm"}}).encoder == BiLSTM.Config()
    assert validate(Tagger.Config, {"words": {}, "encoder": None}).encoder is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"type": "bilsm"}, "encoder: unknown type 'bilsm'; did you mean 'bilstm'"),
        ({"hidden_sise": 3}, "encoder.hidden_sise: unknown key; did you mean 'hidden_size'"),
        ({"hidden_size": 0}, "encoder.hidden_size: "),
    ],
)
def test_mistakes_in_an_encoders_settings_are_named(values, message) -> None:
    with pytest.raises(ConfigError, match=message):
        validate(Tagger.Config, {"words": {}, "encoder": values})
