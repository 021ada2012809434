import dataclasses
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.training.history import History
from elmo_xlstm.training.trainer import Trainer

Example = list[float]


class Points:
    """A batch that has nothing to do with words."""

    def __init__(self, examples: Sequence[Example]) -> None:
        self.inputs = torch.tensor([[sum(example), float(len(example))] for example in examples])
        self.targets = self.inputs @ torch.tensor([2.0, -1.0])

    def to(self, device: torch.device) -> "Points":
        self.inputs, self.targets = self.inputs.to(device), self.targets.to(device)
        return self


class Regression(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 1))
        self.fail: Callable[[], bool] = lambda: False
        self.losses: list[float] = []

    def loss(self, batch: Points) -> Tensor:
        loss = (self.net(batch.inputs)[:, 0] - batch.targets).square().mean()
        self.losses.append(loss.item())
        return loss * float("nan") if self.fail() else loss


def make_model() -> Regression:
    torch.manual_seed(1)
    return Regression()


def make_examples(count: int = 70) -> list[Example]:
    generator = random.Random(0)
    return [[generator.uniform(-1, 1) for _ in range(generator.randint(1, 5))] for _ in range(count)]


TRAIN, HELD_OUT = make_examples(), Points(make_examples(20))


def score(model: Regression) -> float:
    return -(model.net(HELD_OUT.inputs)[:, 0] - HELD_OUT.targets).square().mean().item()


def fit(
    model: Regression,
    directory: Path,
    evaluate: Callable[[], Mapping[str, float]] | None = None,
    train: Sequence[Example] = TRAIN,
    settings: Mapping[str, Any] | None = None,
    **more: Any,
) -> History:
    config = validate(Trainer.Config, {"epochs": 6, "batch_size": 8, "learning_rate": 0.01, **(settings or {})})
    return config.build().fit(
        model,
        train,
        collate=Points,
        length=len,
        evaluate=evaluate or (lambda: {"score": score(model)}),
        monitor="score",
        directory=directory,
        **more,
    )


def without_time(history: History) -> History:
    return dataclasses.replace(history, epochs=[dataclasses.replace(e, seconds=0.0) for e in history.epochs])


def test_learns(tmp_path: Path) -> None:
    model = make_model()
    before = score(model)
    history = fit(model, tmp_path, settings={"epochs": 30})
    assert score(model) > before / 20
    assert score(model) == history.best_value == max(epoch.metrics["score"] for epoch in history.epochs)
    assert history.epochs[-1].train_loss < history.epochs[0].train_loss / 5
    assert [epoch.epoch for epoch in history.epochs] == list(range(1, 31))
    assert not model.training


def test_fast_products_are_chosen_for_training_and_validation(tmp_path: Path, chosen_precisions: list[str]) -> None:
    seen = []

    def evaluate() -> dict[str, float]:
        seen.append(list(chosen_precisions))
        return {"score": 0.0}

    fit(make_model(), tmp_path, evaluate, settings={"epochs": 2})
    assert seen == [["bf16"], ["bf16"]] and chosen_precisions == ["bf16", "none"]


@pytest.mark.parametrize(
    "schedule", [{"type": "constant"}, {"type": "linear"}, {"type": "reduce_on_plateau", "patience": 0}]
)
@pytest.mark.parametrize("when", ["training", "validation"])
def test_resuming_gives_the_same_bits(tmp_path: Path, schedule: dict[str, Any], when: str) -> None:
    settings = {"schedule": schedule, "weight_decay": 0.01}
    whole = make_model()
    expected = fit(whole, tmp_path / "whole", settings=settings, seed=3)

    stopped = make_model()
    calls = 0

    def stop_in_epoch_3() -> Mapping[str, float]:
        nonlocal calls
        calls += 1
        if calls == 3 and when == "validation":
            raise KeyboardInterrupt
        return {"score": score(stopped)}

    if when == "training":

        def fail() -> bool:
            if len(stopped.losses) == 9 * 2 + 4:
                raise KeyboardInterrupt
            return False

        stopped.fail = fail
    with pytest.raises(KeyboardInterrupt):
        fit(stopped, tmp_path / "stopped", stop_in_epoch_3, settings=settings, seed=3)

    torch.manual_seed(99)
    resumed = Regression()  # whatever its weights are
    history = fit(resumed, tmp_path / "stopped", settings=settings, seed=3, resume=True)
    assert len(resumed.losses) == 9 * 4
    assert resumed.losses == whole.losses[9 * 2 :]
    assert without_time(history) == without_time(expected)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    latest = [(tmp_path / run / "checkpoint" / "latest.safetensors") for run in ("whole", "stopped")]
    assert latest[0].stat().st_size == pytest.approx(latest[1].stat().st_size, abs=200)


def test_the_seed_decides(tmp_path: Path) -> None:
    losses = []
    for run, seed in enumerate((0, 0, 1)):
        torch.manual_seed(run)  # what was drawn before has no influence
        model = Regression()
        model.load_state_dict(make_model().state_dict())
        torch.manual_seed(run)
        fit(model, tmp_path / str(run), seed=seed, settings={"epochs": 1})
        losses.append(model.losses)
    assert losses[0] == losses[1] != losses[2]


def test_early_stopping_restores_the_best_weights(tmp_path: Path) -> None:
    model, values, seen = make_model(), iter([0.1, 0.5, 0.4, float("nan"), 0.5, 0.9]), []

    def evaluate() -> Mapping[str, float]:
        assert not model.training and not torch.is_grad_enabled()
        seen.append({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return {"score": next(values), "other": 1}

    history = fit(model, tmp_path, evaluate, settings={"patience": 3})
    assert len(history.epochs) == 5 and history.best_epoch == 2 and history.best_value == 0.5
    assert all(torch.equal(tensor, seen[1][name]) for name, tensor in model.state_dict().items())
    assert history.epochs[0].metrics == {"score": 0.1, "other": 1.0}
    # A finished run is not trained further, only given back.
    again = make_model()
    returned = fit(again, tmp_path, settings={"patience": 3}, resume=True)
    assert repr(returned) == repr(history)  # NaN differs from itself
    assert again.losses == []
    assert all(torch.equal(tensor, seen[1][name]) for name, tensor in again.state_dict().items())


def test_resuming_with_other_settings_is_refused(tmp_path: Path) -> None:
    fit(make_model(), tmp_path, settings={"epochs": 1})
    with pytest.raises(UserError, match=r"cannot resume: epochs was 1 and is 6; seed was 0 and is 5"):
        fit(make_model(), tmp_path, resume=True, seed=5)
    with pytest.raises(UserError, match="training examples was"):
        fit(make_model(), tmp_path, resume=True, settings={"epochs": 1}, train=make_examples(69))


def test_a_new_run_forgets_the_old_checkpoint(tmp_path: Path) -> None:
    fit(make_model(), tmp_path, settings={"epochs": 1})
    model = make_model()
    model.fail = lambda: 1 // 0 == 0
    with pytest.raises(ZeroDivisionError):
        fit(model, tmp_path, settings={"epochs": 1})
    assert list((tmp_path / "checkpoint").iterdir()) == []


def test_non_finite_losses_are_skipped_and_counted(tmp_path: Path) -> None:
    model = make_model()
    model.fail = lambda: len(model.losses) in (2, 3, 12)
    history = fit(model, tmp_path, settings={"epochs": 2})
    assert [epoch.skipped_steps for epoch in history.epochs] == [2, 1]
    assert all(torch.isfinite(parameter).all() for parameter in model.parameters())
    assert all(epoch.train_loss < 100 for epoch in history.epochs)


def test_losses_that_stay_non_finite_end_the_run(tmp_path: Path) -> None:
    model = make_model()
    model.fail = lambda: True
    with pytest.raises(
        UserError,
        match="epoch 3, batch 3 of 9: loss or gradient was not finite in 21 .* good checkpoint is .* after epoch 2",
    ):
        fit(model, tmp_path)
    assert len(model.losses) == 21


def test_gradients_are_clipped(tmp_path: Path) -> None:
    class Steep(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.weight = nn.Parameter(torch.zeros(3))

        def loss(self, batch: Points) -> Tensor:
            if self.weight.grad is not None:
                raise AssertionError("gradients of the last step were kept")
            return 1e6 * self.weight.sum()

    model = Steep()
    norms: list[float] = []

    def watch(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        assert model.weight.grad is not None
        norms.append(model.weight.grad.norm().item())

    handle = register_optimizer_step_pre_hook(watch)
    try:
        fit(model, tmp_path, lambda: {"score": 0.0}, settings={"epochs": 1, "gradient_clip": 2.0})  # type: ignore[arg-type]
    finally:
        handle.remove()
    assert norms == pytest.approx([2.0] * 9)


def test_frozen_parameters_stay(tmp_path: Path) -> None:
    model = make_model()
    model.net[0].weight.requires_grad_(False)
    before = model.net[0].weight.clone()
    fit(model, tmp_path, settings={"epochs": 1, "weight_decay": 0.5})
    assert torch.equal(model.net[0].weight, before)


def test_parts_with_learning_rates_of_their_own(tmp_path: Path) -> None:
    rates: list[list[float]] = []
    handle = register_optimizer_step_pre_hook(
        lambda optimizer, *_: rates.append([group["lr"] for group in optimizer.param_groups])
    )
    model = make_model()
    settings = {"epochs": 2, "schedule": {"type": "linear", "warmup": 0.1}}
    try:
        history = fit(model, tmp_path / "own", settings=settings, own_rates=[(model.net[0], 1e-4)])
    finally:
        handle.remove()
    assert len(rates) == 18 and all(own == pytest.approx(rest / 100) for rest, own in rates)
    assert history.epochs[-1].learning_rate == rates[-1][0]
    with pytest.raises(UserError, match=r"cannot resume: learning rates was \[0.01, 0.0001\] and is \[0.01, 0.001\]"):
        fit(model, tmp_path / "own", settings=settings, own_rates=[(model.net[0], 1e-3)], resume=True)
    # A rate that is not its own gives the same losses as none.
    one, other = make_model(), make_model()
    fit(one, tmp_path / "one", settings=settings)
    fit(other, tmp_path / "other", settings=settings, own_rates=[(other.net[3], 0.01)])
    assert other.losses == pytest.approx(one.losses, rel=1e-4)


def test_resuming_keeps_learning_rates_apart(tmp_path: Path) -> None:
    def run(model: Regression, place: str, **more: Any) -> Regression:
        fit(model, tmp_path / place, settings={"epochs": 3}, own_rates=[(model.net[0], 1e-4)], **more)
        return model

    whole = run(make_model(), "whole")
    stopped = make_model()
    stopped.fail = lambda: 1 // (len(stopped.losses) - 21) == 0  # within the third epoch
    with pytest.raises(ZeroDivisionError):
        run(stopped, "stopped")
    resumed = run(make_model(), "stopped", resume=True)
    assert resumed.losses == whole.losses[18:]
    assert all(torch.equal(tensor, resumed.state_dict()[name]) for name, tensor in whole.state_dict().items())


def test_progress_is_shown(tmp_path: Path) -> None:
    class Recorder:
        def __init__(self) -> None:
            self.opened: list[tuple[int | None, int]] = []
            self.shown: list[dict[str, Any]] = []

        @contextmanager
        def task(self, description: str, total: int | None = None, done: int = 0) -> Iterator["Recorder"]:
            self.opened.append((total, done))
            yield self

        def advance(self, n: int = 1, **shown: Any) -> None:
            self.shown.append(shown)

    recorder = Recorder()
    fit(make_model(), tmp_path, settings={"epochs": 2}, progress=recorder)
    assert recorder.opened == [(18, 0)] and len(recorder.shown) == 18
    assert recorder.shown[0]["epoch"] == 1 and "best" in recorder.shown[-1]


def test_wrong_use_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no training examples"):
        fit(make_model(), tmp_path, train=[])
    with pytest.raises(UserError, match="'score' is not among the validation metrics: f1, accuracy"):
        fit(make_model(), tmp_path, lambda: {"f1": 0.5, "accuracy": 0.5})
    with pytest.raises(ConfigError, match="schedule: unknown type 'linar'; did you mean 'linear'"):
        validate(Trainer.Config, {"schedule": {"type": "linar"}})
