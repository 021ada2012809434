from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file
from torch import nn

from elmo_xlstm.config import apply_overrides, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.optimization import Skipped, StepGuard
from elmo_xlstm.lm.pretraining import Pretraining
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.text import prepare_corpus

BAD = [float("nan"), float("inf"), -float("inf")]


def make_training(seed: int = 0) -> tuple[nn.Module, torch.optim.Optimizer]:
    torch.manual_seed(seed)
    model = nn.Linear(3, 2)
    return model, torch.optim.AdamW(model.parameters(), lr=0.1, fused=True)


def step(
    model: nn.Module, optimizer: torch.optim.Optimizer, guard: StepGuard | None, number: int, bad: str = ""
) -> None:
    loss = model(torch.full((4, 3), 1.0 + number)).square().mean()
    loss.backward()
    if bad == "gradient":
        next(model.parameters()).grad[0, 0] = float("nan")  # type: ignore[index]
    norm = nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    if guard is not None:
        guard.judge(loss.detach() * (float("inf") if bad == "loss" else 1), norm, number)
    optimizer.step()
    optimizer.zero_grad()


@pytest.mark.parametrize("kind", ["loss", "gradient"])
def test_a_bad_step_leaves_no_trace(kind: str) -> None:
    """Neither in weights nor in moments nor in the count of steps, which corrects them."""
    model, optimizer = make_training()
    guard = StepGuard(optimizer, Accelerator(), most=5)
    for number in (0, 1, 2, 3):
        step(model, optimizer, guard, number, kind if number in (1, 2) else "")
    other, plain = make_training()
    for number in (0, 3):
        step(other, plain, None, number)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), other.parameters(), strict=True))
    for a, b in zip(model.parameters(), other.parameters(), strict=True):
        assert all(torch.equal(optimizer.state[a][name], plain.state[b][name]) for name in plain.state[b])
    assert guard.read() == Skipped(total=2, in_a_row=0, first=1)


def test_counting_goes_on_where_a_checkpoint_ended() -> None:
    model, optimizer = make_training()
    guard = StepGuard(optimizer, Accelerator(), most=5, total=7, in_a_row=3)
    step(model, optimizer, guard, 20, "loss")
    assert guard.read().total == 8 and guard.read().in_a_row == 4 and not guard.is_lost(guard.read())
    step(model, optimizer, guard, 21, "loss")
    assert guard.is_lost(guard.read())


def test_nothing_is_learnt_once_a_run_is_lost() -> None:
    model, optimizer = make_training()
    guard = StepGuard(optimizer, Accelerator(), most=2)
    for number, bad in enumerate(["", "loss", "loss", "", ""]):
        step(model, optimizer, guard, number, bad)
        if number == 0:
            before = [parameter.clone() for parameter in model.parameters()]
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before, strict=True))
    assert guard.read() == Skipped(total=4, in_a_row=4, first=1)


@pytest.fixture
def make_pretraining(vocabulary_file: Path, text_file: Path, tmp_path: Path) -> Callable[..., Pretraining]:
    experiment: dict[str, Any] = {
        "tokenizer": {"name": str(vocabulary_file), "lower_case": True},
        "corpus": {
            "sources": [{"type": "local", "paths": [str(text_file)], "documents": "line"}],
            "cleaning": {"min_characters": 10},
            "validation_fraction": 0.1,
            "workers": 1,
        },
        "corpus_directory": str(tmp_path / "corpus"),
        "model": {"embedding_dim": 8, "num_blocks": 1, "num_heads": 2, "context_length": 16},
        "training": {"max_steps": 12, "batch_size": 2, "validate_every": 4, "log_every": 2, "precision": "fp32"},
    }

    def make(bad: set[int], *overrides: str) -> Pretraining:
        """The forward passes of these numbers give a loss that is no number."""
        settings = validate(PretrainSettings, apply_overrides(experiment, [f"output={tmp_path}", *overrides]))
        tokenizer = settings.tokenizer.build()
        corpus = prepare_corpus(settings.corpus, tokenizer, Path(settings.corpus_directory))
        pretraining = Pretraining(settings, tokenizer, corpus, tmp_path)
        calls: list[int] = []

        def spoil(model: nn.Module, arguments: Any, output: Any) -> Any:
            if model.training:
                if len(calls) in bad:
                    output = output._replace(loss=output.loss * BAD[len(calls) % 3])
                calls.append(1)
            return output

        pretraining.bare_model.register_forward_hook(spoil)
        return pretraining

    return make


def trained(directory: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (directory / "metrics.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == "train"]


def test_pretraining_leaves_bad_steps_out_and_counts_them(
    make_pretraining: Callable[..., Pretraining], tmp_path: Path
) -> None:
    validation = make_pretraining({2, 3, 7}).run()
    assert validation.loss < 10
    lines = trained(tmp_path)
    assert [line["skipped_steps"] for line in lines] == [0, 2, 2, 3, 3, 3]
    assert [line["loss"] is None for line in lines] == [False, True, False, False, False, False]
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert all(torch.isfinite(weight).all() for weight in weights.values())
    state = load_file(tmp_path / "checkpoints" / "step-00000012" / "optimizer.safetensors")
    assert {int(value) for name, value in state.items() if name.endswith(".step")} == {9}


@pytest.mark.parametrize(("gate", "value"), [("igate", float("inf")), ("fgate", -float("inf"))])
def test_gates_that_explode_are_left_out(
    make_pretraining: Callable[..., Pretraining], tmp_path: Path, gate: str, value: float
) -> None:
    """Pre-activations beyond what a float holds, for two steps in the middle of training."""
    pretraining = make_pretraining(set())
    biases = [
        parameter for name, parameter in pretraining.bare_model.named_parameters() if name.endswith(f"{gate}.bias")
    ]
    kept: list[torch.Tensor] = []
    calls: list[int] = []

    def explode(model: nn.Module, arguments: Any) -> None:
        kept[:] = [bias.detach().clone() for bias in biases]
        if model.training:
            if len(calls) in (4, 5):
                for bias in biases:
                    bias.data.fill_(value)
            calls.append(1)

    def restore(model: nn.Module, arguments: Any, output: Any) -> None:
        for bias, before in zip(biases, kept, strict=True):
            bias.data.copy_(before)

    pretraining.bare_model.register_forward_pre_hook(explode)
    pretraining.bare_model.register_forward_hook(restore)
    assert pretraining.run().loss < 10 and biases
    assert [line["skipped_steps"] for line in trained(tmp_path)] == [0, 0, 2, 2, 2, 2]
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert all(torch.isfinite(weight).all() for weight in weights.values())


def test_pretraining_stops_after_too_many_and_says_where(
    make_pretraining: Callable[..., Pretraining], tmp_path: Path
) -> None:
    pretraining = make_pretraining(set(range(5, 99)), "training.max_skipped_steps=3")
    with pytest.raises(UserError) as caught:
        pretraining.run()
    message = str(caught.value)
    starts = ", ".join(map(str, pretraining.sampler.starts(5)))
    assert f"not finite in 3 steps in a row, from step 6 on, whose windows start at tokens {starts} of" in message
    assert f"the last good checkpoint is {tmp_path / 'checkpoints' / 'step-00000004'}" in message
    assert "--resume" in message and "optimizer.learning_rate" not in message  # the weights are good
    # The bad ones were not the data's fault: with them gone the run ends well.
    assert make_pretraining(set()).run(resume=True).loss < 10
    assert trained(tmp_path)[-1]["skipped_steps"] == 0


def test_before_the_first_checkpoint(make_pretraining: Callable[..., Pretraining]) -> None:
    with pytest.raises(UserError, match="in 10 steps in a row, from step 1 on.*there is no checkpoint yet"):
        make_pretraining(set(range(99)), "training.validate_every=12").run()


def test_how_many_may_be_bad_can_be_changed_on_resume() -> None:
    assert "training.max_skipped_steps" in PretrainSettings.free


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_judging_does_not_wait_for_the_gpu() -> None:
    model = nn.Linear(3, 2, device="cuda")
    optimizer = torch.optim.AdamW(model.parameters(), fused=True)
    accelerator = Accelerator()
    guard = StepGuard(optimizer, accelerator, most=5)
    inputs = torch.ones(4, 3, device="cuda")
    before = torch.cuda.get_sync_debug_mode()
    try:
        for number in range(3):
            if number:  # the first makes the optimizer's state
                torch.cuda.set_sync_debug_mode("error")
            loss = model(inputs).square().mean()
            loss.backward()
            guard.judge(loss.detach() * float("nan"), nn.utils.clip_grad_norm_(model.parameters(), 1.0), number)
            optimizer.step()
            optimizer.zero_grad()
    finally:
        torch.cuda.set_sync_debug_mode(before)
    assert guard.read().total == 3
