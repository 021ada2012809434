from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmarks import contenders
from benchmarks.checks import randomize
from benchmarks.contenders import COMPILED, CONTENDERS, ELMO, LSTM, OURS, PACKAGE, PACKAGE_TUNED, SAMPLED, Contenders
from benchmarks.lstm_models import LSTMLanguageModel, PlainLSTM
from benchmarks.package_model import PackageLanguageModel, with_package_stacks
from benchmarks.session import Session
from elmo_xlstm.device import fast_matmul
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.losses import FullSoftmax

EAGER = [name for name in CONTENDERS if "compiled" not in name]


@pytest.mark.skipif(not hasattr(getattr(torch.backends.mkldnn, "matmul", None), "fp32_precision"), reason="old torch")
def test_the_package_runs_as_it_comes_and_with_our_settings(session: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("elmo_xlstm.device.onednn_problem", lambda: None)
    seen = {}
    built = Contenders(session).build((OURS, PACKAGE, PACKAGE_TUNED, LSTM))
    with fast_matmul():  # whatever is around it
        for contender in built:
            with contender.stance():
                seen[contender.name] = torch.backends.mkldnn.matmul.fp32_precision
    assert seen == {OURS: "bf16", PACKAGE: "ieee", PACKAGE_TUNED: "bf16", LSTM: "bf16"}
    assert torch.backends.mkldnn.matmul.fp32_precision == "none"


def build_two(session: Session, *names: str):
    built = Contenders(session).build(names)
    ours = built[0].model
    assert isinstance(ours, BiXLSTM)
    randomize(ours)
    return built


def test_ours_and_the_package_compute_the_same_loss_and_take_the_same_step(session: Session):
    ours, package = build_two(session, OURS, PACKAGE)
    package.model.copy_weights(ours.model)
    input_ids = session.pieces(3, session.size.length)
    for _ in range(3):
        mine, theirs = ours.step(input_ids), package.step(input_ids)
        torch.testing.assert_close(mine, theirs, rtol=1e-5, atol=0)
    assert mine < math.log(session.size.vocab_size) + 1
    # Weight decay differs: the package's users decay everything.
    moved = {name: p for name, p in package.model.forward_stack.named_parameters() if p.ndim > 1}
    for name, p in ours.model.forward_stack.named_parameters():
        if name in moved:
            torch.testing.assert_close(p, moved[name], rtol=1e-3, atol=1e-4)


def test_all_layers_are_the_same_with_the_packages_stacks(session: Session):
    model = BiXLSTM(session.size.config())
    randomize(model)
    twin = with_package_stacks(model.eval(), context_length=20)
    input_ids = session.pieces(2, 20)
    mask = torch.tensor([[1] * 20, [1] * 7 + [0] * 13])
    with torch.inference_mode():
        mine, theirs = model.encode_layers(input_ids, mask), twin.encode_layers(input_ids, mask)
    assert len(mine.layers()) == len(theirs.layers()) == session.size.num_blocks + 1
    for one, other in zip(mine.layers(), theirs.layers(), strict=True):
        torch.testing.assert_close(one[mask.bool()], other[mask.bool()], rtol=1e-4, atol=1e-5)


def test_a_sampled_soft_max_of_nearly_all_classes_is_near_the_exact_one(session: Session):
    session = replace(session, size=replace(session.size, samples=session.size.vocab_size))
    exact, sampled = build_two(session, OURS, SAMPLED)
    input_ids = session.pieces(4, session.size.length)
    with torch.no_grad():
        estimates = torch.stack([sampled.loss(input_ids) for _ in range(20)])
        assert estimates.mean().item() == pytest.approx(exact.loss(input_ids).item(), rel=0.01)


@pytest.mark.parametrize("name", EAGER)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_steps_learn_a_batch_by_heart(name: str, precision: str, session: Session):
    [contender] = Contenders(session).build((name,))
    for group in contender.optimizer.param_groups:
        group["lr"] = 1e-2
    input_ids = session.pieces(2, session.size.length)
    losses = [contender.step(input_ids, precision).item() for _ in range(15)]
    assert losses[-1] < 0.7 * losses[0]


def encoded(model: torch.nn.Module, input_ids: Tensor) -> tuple[Tensor, Tensor]:
    if isinstance(model, PackageLanguageModel):
        forward, backward = model.logits(input_ids)
        pad = forward.new_zeros(len(forward), 1, forward.shape[2])
        return torch.cat([forward, pad], dim=1), torch.cat([pad, backward], dim=1)
    assert isinstance(model, (BiXLSTM, LSTMLanguageModel))
    return model.encode(input_ids)


@pytest.mark.parametrize("name", [OURS, PACKAGE, ELMO, LSTM])
@torch.no_grad()
def test_no_direction_sees_what_it_predicts(name: str, session: Session):
    [contender] = Contenders(session).build((name,))
    model = contender.model.eval()
    input_ids = session.pieces(1, 9)
    changed = input_ids.clone()
    changed[0, 4] = (changed[0, 4] + 1) % session.size.vocab_size
    before, after = encoded(model, input_ids), encoded(model, changed)
    same = [torch.isclose(one, other, atol=1e-6).all(dim=-1)[0] for one, other in zip(before, after, strict=True)]
    assert same[0][:4].all() and not same[0][4:7].any()
    assert same[1][5:].all() and not same[1][2:5].any()


def test_the_plain_lstm_has_as_many_parameters_as_ours(session: Session):
    ours, lstm = Contenders(session).build((OURS, LSTM))
    dim, cells = session.size.embedding_dim, lstm.model.forward_encoder.lstm.hidden_size
    one_more = sum(p.numel() for p in PlainLSTM(dim, cells + 1, 0.0).parameters())
    assert lstm.parameters <= ours.parameters
    assert one_more > sum(p.numel() for p in ours.model.forward_stack.parameters())


def test_lstms_keep_the_loss_of_the_exact_soft_max(session: Session):
    [lstm] = Contenders(session).build((LSTM,))
    input_ids = session.pieces(2, 8)
    model = lstm.model
    forward, backward = model.encode(input_ids)
    expected = [
        torch.nn.functional.cross_entropy((hidden @ weight.T).flatten(0, 1), targets.flatten())
        for hidden, weight, targets in (
            (forward[:, :-1], model.forward_softmax, input_ids[:, 1:]),
            (backward[:, 1:], model.backward_softmax, input_ids[:, :-1]),
        )
    ]
    torch.testing.assert_close(model(input_ids, FullSoftmax()), (expected[0] + expected[1]) / 2)


@pytest.mark.filterwarnings("ignore")  # torch.compile warns about itself
def test_only_the_compiled_contender_runs_compiled(session: Session, monkeypatch: pytest.MonkeyPatch):
    runs = []

    def backend(module, inputs):
        def run(*arguments):
            runs.append(module)
            return module.forward(*arguments)

        return run

    monkeypatch.setattr(contenders, "COMPILE_BACKEND", backend)
    try:
        ours, compiled = Contenders(session).build((OURS, COMPILED))
        input_ids = session.pieces(2, 8)
        first = ours.step(input_ids)
        assert runs == []
        second = compiled.step(input_ids)
        assert len(runs) == 2  # one direction each
        assert second == pytest.approx(first.item(), rel=0.05)
    finally:
        torch.compiler.reset()


def test_an_unknown_contender_is_refused_with_the_names(session: Session):
    with pytest.raises(UserError, match="no contender 'theirs'.*xlstm package"):
        Contenders(session).build(("theirs",))
