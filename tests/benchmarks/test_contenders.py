from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from benchmarks import contenders
from benchmarks.checks import random_model
from benchmarks.contenders import (
    COMPILED,
    CONTENDERS,
    ELMO,
    LSTM,
    OURS,
    PACKAGE,
    PACKAGE_TUNED,
    SAMPLED,
    build_contender,
)
from benchmarks.lstm_models import LSTMLanguageModel, PlainLSTM
from benchmarks.package_model import PackageLanguageModel
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
    built = [build_contender(name, session) for name in (OURS, PACKAGE, PACKAGE_TUNED, LSTM)]
    with fast_matmul():  # whatever is around it
        for contender in built:
            with contender.context():
                seen[contender.name] = torch.backends.mkldnn.matmul.fp32_precision
    assert seen == {OURS: "bf16", PACKAGE: "ieee", PACKAGE_TUNED: "bf16", LSTM: "bf16"}
    assert torch.backends.mkldnn.matmul.fp32_precision == "none"


@torch.no_grad()
def copy_weights(model: BiXLSTM, package: PackageLanguageModel) -> None:
    forward, backward = model.softmax_weights()
    package.token_embedding.weight.copy_(model.token_embedding.weight)
    package.forward_head.weight.copy_(forward)
    package.backward_head.weight.copy_(backward)
    package.forward_stack.load_state_dict(model.forward_stack.state_dict())
    package.backward_stack.load_state_dict(model.backward_stack.state_dict())


def test_ours_and_the_package_compute_the_same_loss_and_take_the_same_step(session: Session):
    ours, package = build_contender(OURS, session), build_contender(PACKAGE, session)
    ours.model.load_state_dict(random_model(session.size.config()).state_dict())
    copy_weights(ours.model, package.model)
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


def test_a_sampled_soft_max_of_nearly_all_classes_is_near_the_exact_one(session: Session):
    session = replace(session, size=replace(session.size, samples=session.size.vocab_size))
    exact, sampled = build_contender(OURS, session), build_contender(SAMPLED, session)
    sampled.model.load_state_dict(exact.model.state_dict())
    input_ids = session.pieces(4, session.size.length)
    with torch.no_grad():
        estimates = torch.stack([sampled.loss(input_ids) for _ in range(20)])
        assert estimates.mean().item() == pytest.approx(exact.loss(input_ids).item(), rel=0.01)


@pytest.mark.parametrize("name", EAGER)
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_steps_learn_a_batch_by_heart(name: str, precision: str, session: Session):
    contender = build_contender(name, session)
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
    contender = build_contender(name, session)
    model = contender.model.eval()
    input_ids = session.pieces(1, 9)
    changed = input_ids.clone()
    changed[0, 4] = (changed[0, 4] + 1) % session.size.vocab_size
    before, after = encoded(model, input_ids), encoded(model, changed)
    same = [torch.isclose(one, other, atol=1e-6).all(dim=-1)[0] for one, other in zip(before, after, strict=True)]
    assert same[0][:4].all() and not same[0][4:7].any()
    assert same[1][5:].all() and not same[1][2:5].any()


def test_the_plain_lstm_has_as_many_parameters_as_ours(session: Session):
    ours, lstm = build_contender(OURS, session), build_contender(LSTM, session)
    dim, cells = session.size.embedding_dim, lstm.model.forward_encoder.lstm.hidden_size
    one_more = sum(p.numel() for p in PlainLSTM(dim, cells + 1, 0.0).parameters())
    assert lstm.parameters <= ours.parameters
    assert one_more > sum(p.numel() for p in ours.model.forward_stack.parameters())


def test_lstms_keep_the_loss_of_the_exact_soft_max(session: Session):
    lstm = build_contender(LSTM, session)
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
        ours, compiled = build_contender(OURS, session), build_contender(COMPILED, session)
        compiled.model.load_state_dict(ours.model.state_dict())
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
        build_contender("theirs", session)
