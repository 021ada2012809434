"""Which tier runs, and that compiled stacks compute what plain torch does or give way to it."""

from __future__ import annotations

import copy
import json
import logging
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from elmo_xlstm.config import apply_overrides, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTMConfig, compilation
from elmo_xlstm.lm.backbones import Kernel
from elmo_xlstm.lm.backbones.mlstm.stack import MLSTMStack
from elmo_xlstm.lm.compilation import (
    SECONDS_PER_BLOCK,
    Compile,
    Tier,
    choose_tier,
    compile_stack,
    compiler_problem,
    matrix_rate,
    try_stack,
)
from elmo_xlstm.lm.native import library_problem
from elmo_xlstm.lm.pretraining import Pretraining, describe_pretraining, run_pretraining
from elmo_xlstm.lm.pretraining_settings import PretrainSettings, TrainingSettings
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.text import prepare_corpus

CPU = torch.device("cpu")
MakeSettings = Callable[..., PretrainSettings]


@pytest.fixture(autouse=True)
def _nothing_stays_compiled() -> Iterator[None]:
    yield
    torch.compiler.reset()


@pytest.fixture(scope="module")
def corpus_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture
def make_settings(vocabulary_file: Path, text_file: Path, corpus_directory: Path, tmp_path: Path) -> MakeSettings:
    def make(*overrides: str) -> PretrainSettings:
        values = {
            "tokenizer": {"name": str(vocabulary_file), "lower_case": True},
            "corpus": {
                "sources": [{"type": "local", "paths": [str(text_file)], "documents": "line"}],
                "cleaning": {"min_characters": 10},
                "validation_fraction": 0.1,
                "workers": 1,
            },
            "corpus_directory": str(corpus_directory),
            "model": {"embedding_dim": 16, "num_blocks": 1, "num_heads": 2, "dropout": 0.1, "context_length": 16},
            "training": {"max_steps": 3, "batch_size": 4, "precision": "fp32", "kernel": "torch"},
            "output": str(tmp_path / "run"),
        }
        return validate(PretrainSettings, apply_overrides(values, list(overrides)))

    return make


def train(settings: PretrainSettings) -> float:
    directory = Path(settings.output)
    with open_run(directory, settings):
        return run_pretraining(settings, directory).loss


def make_stack() -> MLSTMStack:
    torch.manual_seed(0)
    stack = MLSTMStack(BiXLSTMConfig(vocab_size=9, embedding_dim=16, num_blocks=1, num_heads=2))
    for parameter in stack.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return stack


def compile_with(monkeypatch: pytest.MonkeyPatch, backend: Callable[..., Any]) -> None:
    """Have every run compiled, by a stand-in for the compiler."""

    def compile_stack(stack: MLSTMStack, by_block: bool) -> None:
        assert not by_block
        stack.compile(backend=backend, dynamic=False)

    monkeypatch.setattr(compilation, "compile_stack", compile_stack)
    monkeypatch.setattr(compilation, "compiler_problem", lambda device: None)


def choose(setting: Compile, total_flops: float, kernel: Kernel | Literal["auto"] = "torch") -> Tier:
    config = BiXLSTMConfig(vocab_size=9, embedding_dim=32, num_blocks=2, num_heads=2)
    return choose_tier(setting, kernel, config, CPU, torch.float32, total_flops)


def test_compiled_kernels_are_taken_where_they_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BiXLSTMConfig, "kernel_problem", lambda config, kernel, device: None)
    monkeypatch.setattr(compilation, "compiler_problem", lambda device: None)
    tier = choose("auto", 1e30, "auto")
    assert (tier.kernel, tier.compiled, str(tier)) == (
        "native",
        False,
        "our compiled kernels (training.kernel is auto)",
    )
    assert choose(False, 1e30, "auto").kernel == "native"
    assert choose(True, 1e30, "auto") == Tier(True, "training.compile is true")
    monkeypatch.setattr(BiXLSTMConfig, "kernel_problem", lambda config, kernel, device: "no C++ compiler (g++)")
    assert choose(False, 1e30, "auto").kernel == "torch"
    with pytest.raises(UserError, match=r'"native" cannot be used: no C\+\+ compiler'):
        choose("auto", 1.0, "native")


def test_compiled_kernels_are_for_bf16_too(monkeypatch: pytest.MonkeyPatch) -> None:
    config = BiXLSTMConfig(vocab_size=9, embedding_dim=32, num_blocks=2, num_heads=2)
    monkeypatch.setattr(BiXLSTMConfig, "kernel_problem", lambda config, kernel, device: None)
    monkeypatch.setattr(compilation, "library_problem", lambda dtype: None)
    assert choose_tier(False, "auto", config, CPU, torch.bfloat16, 1.0).kernel == "native"
    monkeypatch.setattr(compilation, "library_problem", lambda dtype: f"no kernels for {dtype}")
    assert choose_tier(False, "auto", config, CPU, torch.bfloat16, 1.0).kernel == "torch"
    with pytest.raises(UserError, match="no kernels for torch.bfloat16"):
        choose_tier(False, "native", config, CPU, torch.bfloat16, 1.0)


def test_auto_compiles_what_is_long_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "compiler_problem", lambda device: None)
    monkeypatch.setattr(compilation, "matrix_rate", lambda device, dtype: 1e11)
    # In plain torch 0.6e11 operations a second, of which compiling saves a fifth.
    pays = SECONDS_PER_BLOCK * 4 / 0.2 * 0.6e11
    assert choose("auto", 1.1 * pays).compiled
    short = choose("auto", 0.9 * pays)
    assert not short.compiled and not short.refused
    assert str(short) == "plain torch (compiling would take about 32 s to save 29 s)"


def test_a_wish_is_followed_where_it_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compilation, "compiler_problem", lambda device: None)
    assert choose(True, 1.0) == Tier(True, "training.compile is true")
    assert choose(False, 1e30) == Tier(False, "training.compile is false")
    monkeypatch.setattr(compilation, "compiler_problem", lambda device: "no compiler")
    assert choose(True, 1.0) == Tier(False, "no compiler", refused=True)
    assert choose("auto", 1e30) == Tier(False, "no compiler")


@pytest.mark.skipif(sys.platform == "win32", reason="a shell script stands for the compiler")
def test_a_compiler_must_be_there_and_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", str(tmp_path / "none"))
    assert compiler_problem(CPU) == f"no C++ compiler ({tmp_path / 'none'})"
    for name, body in {"works": "exit 0", "broken": "echo 'Python.h: No such file' >&2; exit 1"}.items():
        (tmp_path / name).write_text(f"#!/bin/sh\ncat > /dev/null\n{body}\n")
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("CXX", str(tmp_path / "works"))
    assert compiler_problem(CPU) is None
    monkeypatch.setenv("CXX", str(tmp_path / "broken"))
    problem = compiler_problem(CPU)
    assert problem is not None and problem.endswith("cannot build an extension of Python: Python.h: No such file")


def test_the_rate_is_measured_without_random_numbers() -> None:
    before = torch.random.get_rng_state()
    assert 1e6 < matrix_rate(CPU, torch.float32) < 1e15
    assert torch.equal(torch.random.get_rng_state(), before)


def test_short_runs_stay_plain_and_say_so(make_settings: MakeSettings, caplog: pytest.LogCaptureFixture) -> None:
    settings = make_settings()
    assert settings.training.compile == TrainingSettings(max_steps=1).compile == "auto"
    with caplog.at_level(logging.INFO):
        train(settings)
    assert [r.levelname for r in caplog.records if "the stacks run with plain torch (compiling would" in r.message] == [
        "INFO"
    ]
    assert describe_pretraining(make_settings())["stacks run with"].startswith("plain torch")
    assert {"training.compile", "training.kernel"} <= PretrainSettings.free


@pytest.mark.skipif(library_problem() is not None, reason=f"no compiled kernels: {library_problem()}")
def test_runs_on_a_cpu_take_the_compiled_kernels(
    make_settings: MakeSettings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert TrainingSettings(max_steps=1).kernel == "auto"
    losses = []
    with caplog.at_level(logging.INFO):
        for kernel in ("auto", "torch"):
            output = f"output={tmp_path / kernel}"
            losses.append(train(make_settings(f"training.kernel={kernel}", "model.dropout=0", output)))
    assert "the stacks run with our compiled kernels (training.kernel is auto)" in caplog.text
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_fast_products_are_chosen_for_training_and_told(
    make_settings: MakeSettings, chosen_precisions: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        train(make_settings("training.compile=false"))
    assert chosen_precisions == ["bf16", "none"]
    assert "products of float32 matrices are left to oneDNN" in caplog.text


@pytest.mark.filterwarnings("ignore")  # torch.compile warns about itself
def test_a_compiler_that_fails_gives_way_to_plain_torch(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    plain = train(make_settings("training.compile=false"))

    def backend(module: Any, inputs: Any) -> Any:
        raise RuntimeError("the compiler has crashed")

    compile_with(monkeypatch, backend)
    caplog.clear()
    with caplog.at_level(logging.WARNING, logger="elmo_xlstm"):
        assert train(make_settings("training.compile=true", f"output={tmp_path / 'other'}")) == plain
    [warning] = [r.getMessage() for r in caplog.records if r.name.startswith("elmo_xlstm")]
    assert "run with plain torch" in warning and "the compiler has crashed" in warning


@pytest.mark.filterwarnings("ignore")
def test_compiled_training_takes_the_same_steps(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = train(make_settings("training.compile=false"))
    graphs, runs = [], []

    def backend(module: Any, inputs: Any) -> Any:
        graphs.append(module)

        def run(*arguments: Any) -> Any:
            runs.append(module)
            return module.forward(*arguments)

        return run

    compile_with(monkeypatch, backend)
    found = train(make_settings("training.compile=true", f"output={tmp_path / 'other'}"))
    assert found == pytest.approx(plain, rel=1e-5)
    assert len(runs) == 1 + 2 * 3  # the trial, then both directions of every step; validation is plain
    assert len(graphs) <= 2  # what the trial has compiled is what training runs


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(compiler_problem(CPU) is not None, reason=str(compiler_problem(CPU)))
def test_what_the_compiler_makes_computes_what_plain_torch_does() -> None:
    plain = make_stack().eval()  # dropout would draw other numbers
    compiled = copy.deepcopy(plain)
    compile_stack(compiled, by_block=False)
    results = []
    for stack in (plain, compiled):
        torch.manual_seed(1)
        hidden = torch.randn(3, 24, 16, requires_grad=True)
        output = stack(hidden)[-1]
        output.square().sum().backward()
        results.append([output, hidden.grad, *(parameter.grad for parameter in stack.parameters())])
    for mine, expected in zip(results[1], results[0], strict=True):
        assert mine is not None and expected is not None
        assert (mine - expected).norm() < 1e-5 * expected.norm()


@pytest.mark.filterwarnings("ignore")
def test_a_trial_leaves_nothing_behind() -> None:
    stack = make_stack()
    stack.compile(backend="eager", dynamic=False)
    before = torch.random.get_rng_state()
    assert try_stack(stack, (2, 4, 16), CPU, nullcontext) is None
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(parameter.grad is None for parameter in stack.parameters())
    problem = try_stack(stack, (2, 4, 15), CPU, nullcontext)
    assert problem is not None and "\n" not in problem


def test_compiling_that_was_asked_for_and_cannot_be_is_a_warning(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with caplog.at_level(logging.WARNING, logger="elmo_xlstm"):
        train(make_settings("training.compile=true"))
    assert "plain torch (no C++ compiler (no-such-compiler))" in caplog.text


def test_kernels_that_are_not_there_end_with_one_message(
    make_settings: MakeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    if torch.cuda.is_available():
        monkeypatch.setattr("elmo_xlstm.lm.backbones.mlstm.kernels.NEEDED", ("no_such_kernels",))
    with pytest.raises(UserError, match="NXAI Community License"):
        describe_pretraining(make_settings("training.kernel=triton"))


class _Waits(TorchDispatchMode):
    """Collects operations for whose result the host would wait for a GPU."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.operations = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.operations += 1
        name = func.overloadpacket.__name__
        masks = (
            [index for index in args[1] if index is not None] if name in ("index", "index_put", "index_put_") else []
        )
        waits = name in ("_local_scalar_dense", "nonzero", "masked_select", "unique2", "equal")
        if waits or any(mask.dtype == torch.bool for mask in masks):
            self.found.append(name)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("softmax", [{"type": "full"}, {"type": "sampled", "samples": 8}])
@pytest.mark.parametrize("bf16", [False, True])
def test_a_training_step_never_waits_for_the_device(
    bf16: bool, softmax: dict[str, object], make_settings: MakeSettings
) -> None:
    settings = make_settings("training.gradient_accumulation=2", f"softmax_loss={json.dumps(softmax)}")
    tokenizer = settings.tokenizer.build()
    corpus = prepare_corpus(settings.corpus, tokenizer, Path(settings.corpus_directory))
    pretraining = Pretraining(settings, tokenizer, corpus, Path(settings.output))
    pretraining._step(pretraining._read(0))
    with _Waits() as waits, torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        loss, _ = pretraining._step(pretraining._read(1))
        assert waits.operations > 100 and waits.found == []
        loss.item()
    assert waits.found == ["_local_scalar_dense"]
