"""Two real processes, joined by gloo, against one.

Started by a launcher, this file is the program that the two processes run: the trainings of a list of jobs, one after
the other.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate import Accelerator
from safetensors.torch import load_file

from elmo_xlstm.config import apply_overrides, validate
from elmo_xlstm.embedding.export import export_model
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.distributed import Processes
from elmo_xlstm.lm.optimization import StepGuard
from elmo_xlstm.lm.pretraining import Pretraining, run_pretraining
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.scoring import validate_model
from elmo_xlstm.runs.interruption import Interrupted
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.text.shards import TokenStream

ROOT = Path(__file__).parents[2]
STEPS = 8
ADAPTIVE = 'softmax_loss={"type": "adaptive", "clusters": [10, 30, 60]}'


TORCHRUN = ["torch.distributed.run", "--nproc_per_node=2", "--rdzv_backend=c10d", "--rdzv_endpoint=127.0.0.1:0"]
# accelerate starts several processes on one machine by --multi_gpu alone, which works without GPUs. Port 0: any.
ACCELERATE = ["accelerate.commands.launch", "--multi_gpu", "--num_processes=2", "--num_machines=1"]
ACCELERATE += ["--mixed_precision=no", "--dynamo_backend=no", "--main_process_port=0"]


def start(program: list[str], launcher: list[str] = TORCHRUN) -> subprocess.CompletedProcess[str]:
    """Run a program in two processes to its end."""
    launcher = [sys.executable, "-m", *launcher]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.run([*launcher, *program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300)


def train(values: dict[str, Any], resume: bool = False, fault: str = "") -> None:
    """What the command does; each process also leaves the windows that it has read, beside the run.

    Args:
        values: settings.
        resume: go on.
        fault: what happens to the second process in its fifth step: ``signal``, or ``loss`` that is no number.
    """
    processes = Processes()
    settings = validate(PretrainSettings, values)
    run = Path(settings.output)
    seen: dict[int, list[list[int]]] = {}
    read = Pretraining._read

    def recording_read(self: Pretraining, step: int) -> torch.Tensor:
        windows = read(self, step)
        seen[step] = windows.tolist()
        return windows

    judge = StepGuard.judge

    def faulty_judge(self: StepGuard, loss: torch.Tensor, norm: torch.Tensor, step: int) -> torch.Tensor:
        strikes = processes.index == 1 and step == 4
        if strikes and fault == "signal":
            os.kill(os.getpid(), signal.SIGTERM)
        return judge(self, loss * float("nan") if strikes and fault == "loss" else loss, norm, step)

    end = ""
    with pytest.MonkeyPatch.context() as patch, ExitStack() as held:
        processes.run_on_main(lambda: held.enter_context(open_run(run, settings, resume=resume)))
        patch.setattr(Pretraining, "_read", recording_read)
        patch.setattr(StepGuard, "judge", faulty_judge)
        try:
            run_pretraining(settings, run, resume)
        except Interrupted as stop:
            end = f"{stop.code}: {stop.saved}"
    if fault:
        run.with_suffix(f".first-{processes.index}").write_text(end)
    run.with_suffix(f".windows-{processes.index}.json").write_text(json.dumps(seen))


@pytest.fixture(scope="module")
def experiment(vocabulary_file: Path, text_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Without dropout and samples, which every process draws on its own."""
    return {
        "tokenizer": {"name": str(vocabulary_file), "lower_case": True},
        "corpus": {
            "sources": [{"type": "local", "paths": [str(text_file)], "documents": "line"}],
            "cleaning": {"min_characters": 10},
            "validation_fraction": 0.1,
            "workers": 1,
        },
        "corpus_directory": str(tmp_path_factory.mktemp("corpus")),
        "model": {"embedding_dim": 16, "num_blocks": 2, "num_heads": 2, "dropout": 0, "context_length": 16},
        "optimizer": {"learning_rate": 0.01, "gradient_clip": 0.1},
        "schedule": {"warmup_steps": 3, "decay": "cosine"},
        "training": {"max_steps": STEPS, "batch_size": 4, "validate_every": 4, "log_every": 2, "precision": "fp32"},
    }


def losses(run: Path) -> list[float]:
    """Training and validation losses of all steps that are written down."""
    lines = list(map(json.loads, (run / "metrics.jsonl").read_text().splitlines()))
    steps = {kind: [line["step"] for line in lines if line["kind"] == kind] for kind in ("train", "validation")}
    begin = [0] if (run / "initial_model").exists() else []
    assert steps == {"train": list(range(2, STEPS + 1, 2)), "validation": [*begin, 4, 8]}
    return [line["loss"] for line in lines]


def windows(run: Path, *processes: int) -> dict[str, list[list[int]]]:
    """The windows of each step, in the order of their content."""
    shares = [json.loads(run.with_suffix(f".windows-{process}.json").read_text()) for process in processes]
    return {step: sorted(window for share in shares for window in share[step]) for step in shares[0]}


def killed_after_step_4(run: Path, copy: Path) -> Path:
    """A copy of a run as if it had been killed between its two checkpoints."""
    shutil.copytree(run, copy)
    shutil.rmtree(copy / "model")
    shutil.rmtree(copy / "checkpoints" / "step-00000008")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "output": str(copy)}))
    return copy


@pytest.fixture(scope="module")
def alone(experiment: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process with four windows a step."""
    run = tmp_path_factory.mktemp("alone") / "run"
    train({**experiment, "output": str(run)})
    assert losses(run)[-1] < 0.95 * losses(run)[0]
    return run


def run_command(experiment: dict[str, Any], run: Path, launcher: list[str]) -> str:
    """Two processes with two windows each, by the command line; returns what they have said."""
    config = run.with_suffix(".jsonnet")
    config.write_text(json.dumps(experiment))
    arguments = ["cli.py", "pretrain", str(config), "--output", str(run), "-o", "training.batch_size=2"]
    done = start(arguments, launcher)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def command(experiment: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A run of the command line in two processes, and what they have said."""
    run = tmp_path_factory.mktemp("command") / "run"
    return run, run_command(experiment, run, TORCHRUN)


@pytest.fixture(scope="module")
def exported(alone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run's model without its soft-max."""
    directory = tmp_path_factory.mktemp("export") / "model"
    export_model(alone, directory, [["saya", "pergi"]])
    return directory


@pytest.fixture(scope="module")
def jobs(experiment: dict[str, Any], alone: Path, exported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the runs of several jobs of two processes, named below."""
    directory = tmp_path_factory.mktemp("jobs")
    accumulated = ["training.batch_size=1", "training.gradient_accumulation=2"]
    sharded = ["training.sharding=full", *accumulated]
    overrides = {
        "accumulated": accumulated,
        "resumed": ["training.batch_size=2"],
        "sharded": sharded,
        "sharded-resumed": [*sharded, "training.activation_checkpointing=true"],
        "averaged": ["training.ema_decay=0.8", "training.batch_size=2"],
        "adaptive": [ADAPTIVE, "training.batch_size=2"],
        "adaptive-sharded": [ADAPTIVE, *sharded],
        "continued": [f"initial_model={alone}", "training.ema_decay=0.8", "training.batch_size=2"],
        "continued-sharded": [f"initial_model={exported}", *sharded],
        "bad": ["training.batch_size=2"],
        "bad-sharded": sharded,
    }
    todo = []
    stopped = apply_overrides(experiment, [f"output={directory / 'stopped'}", *accumulated])
    todo += [{"values": stopped, "resume": False, "fault": "signal"}, {"values": stopped, "resume": True}]
    for name, changes in overrides.items():
        values = apply_overrides(experiment, [f"output={directory / name}", *changes])
        resume = "resumed" in name
        if name.startswith("bad"):
            todo.append({"values": values, "fault": "loss"})
            continue
        if resume:
            killed_after_step_4(alone, directory / name)
        todo.append({"values": values, "resume": resume})
    (directory / "jobs.json").write_text(json.dumps(todo))
    done = start([__file__, str(directory)])
    assert done.returncode == 0, done.stderr
    (directory / "said").write_text(done.stderr)
    return directory


def test_two_processes_have_the_losses_of_one(alone: Path, command: tuple[Path, str]) -> None:
    run, said = command
    assert losses(run) == pytest.approx(losses(alone), rel=1e-5)
    weights = [load_file(path / "model" / "model.safetensors") for path in (run, alone)]
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-4) for name in weights[1])
    # The main process alone speaks and writes.
    assert said.count("model: ") == 1 and said.count("step 4  validation") == 1
    assert {path.name for path in run.iterdir()} == {path.name for path in alone.iterdir()}


def test_accelerate_launch_starts_the_same(experiment: dict[str, Any], alone: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run_command(experiment, run, ACCELERATE)
    assert losses(run) == pytest.approx(losses(alone), rel=1e-5)
    assert (run / "checkpoints" / "step-00000008" / "random-1.safetensors").is_file()  # of the second process


def test_a_checkpoint_has_the_random_states_of_all_processes(alone: Path, command: tuple[Path, str]) -> None:
    names = {path.name for path in (alone / "checkpoints" / "step-00000008").iterdir()}
    checkpoint = command[0] / "checkpoints" / "step-00000008"
    assert {path.name for path in checkpoint.iterdir()} == names | {"random-1.safetensors"}
    states = [load_file(checkpoint / f"random-{process}.safetensors")["cpu"] for process in (0, 1)]
    assert not torch.equal(*states)


def test_accumulated_passes_are_averaged_over_processes(alone: Path, jobs: Path) -> None:
    assert losses(jobs / "accumulated") == pytest.approx(losses(alone), rel=1e-5)


def test_no_window_is_read_twice_or_left_out(alone: Path, jobs: Path) -> None:
    expected = windows(alone, 0)
    assert list(expected) == [str(step) for step in range(STEPS)]
    assert windows(jobs / "accumulated", 0, 1) == expected
    assert windows(jobs / "resumed", 0, 1) == {str(step): expected[str(step)] for step in range(4, STEPS)}


def test_two_processes_go_on_where_one_ended(alone: Path, jobs: Path) -> None:
    assert losses(jobs / "resumed") == pytest.approx(losses(alone), rel=1e-5)
    said = (jobs / "said").read_text()
    assert said.count("resumed/checkpoints/step-00000004 has no random state of process 1: seeded anew") == 2
    assert "no random state of process 0" not in said
    stored = json.loads((jobs / "resumed" / "config.json").read_text())
    assert stored["training"]["batch_size"] == 2


def test_one_process_goes_on_where_two_ended(
    experiment: dict[str, Any], alone: Path, command: tuple[Path, str], tmp_path: Path
) -> None:
    run = killed_after_step_4(command[0], tmp_path / "run")
    with pytest.raises(UserError, match=r"step-00000004: was trained with 4 windows a step .* go on with 2 on 1 proc"):
        train(apply_overrides(experiment, [f"output={run}", "training.batch_size=2"]), resume=True)
    with pytest.raises(UserError, match=r"different now: training\.max_steps\."):
        train(apply_overrides(experiment, [f"output={run}", "training.max_steps=9"]), resume=True)
    train({**experiment, "output": str(run)}, resume=True)
    assert losses(run) == pytest.approx(losses(alone), rel=1e-5)


def test_a_sharded_model_has_the_losses_of_a_whole_one(alone: Path, jobs: Path) -> None:
    assert losses(jobs / "sharded") == pytest.approx(losses(alone), rel=1e-5)
    parts = ("model/model.safetensors", "checkpoints/step-00000008/optimizer.safetensors")
    for part in parts:
        sharded, whole = load_file(jobs / "sharded" / part), load_file(alone / part)
        assert sharded.keys() == whole.keys()
        assert all(torch.allclose(sharded[name], whole[name], atol=1e-4) for name in whole)


def test_sharding_can_begin_and_end_at_any_checkpoint(
    experiment: dict[str, Any], alone: Path, jobs: Path, tmp_path: Path
) -> None:
    assert losses(jobs / "sharded-resumed") == pytest.approx(losses(alone), rel=1e-5)
    run = killed_after_step_4(jobs / "sharded", tmp_path / "run")
    train({**experiment, "output": str(run)}, resume=True)
    assert losses(run) == pytest.approx(losses(alone), rel=1e-5)


def test_a_signal_to_one_process_stops_all_after_the_same_step(alone: Path, jobs: Path) -> None:
    ends = [(jobs / f"stopped.first-{process}").read_text() for process in (0, 1)]
    assert ends[0] == ends[1] and ends[0].startswith("143: ") and ends[0].endswith("was written after step 6"), ends
    assert losses(jobs / "stopped") == pytest.approx(losses(alone), rel=1e-5)
    assert not (jobs / "stopped" / "checkpoints" / "step-00000006").exists()


@pytest.mark.parametrize("name", ["bad", "bad-sharded"])
def test_a_bad_loss_in_one_process_is_left_out_in_all(jobs: Path, name: str) -> None:
    state = load_file(jobs / name / "checkpoints" / "step-00000008" / "optimizer.safetensors")
    assert {int(value) for key, value in state.items() if key.endswith(".step")} == {STEPS - 1}
    lines = map(json.loads, (jobs / name / "metrics.jsonl").read_text().splitlines())
    assert [line["skipped_steps"] for line in lines if line["kind"] == "train"][-1] == 1
    assert all(torch.isfinite(weight).all() for weight in load_file(jobs / name / "model/model.safetensors").values())


def test_an_adaptive_soft_max_is_trained_by_two_processes_as_by_one(
    experiment: dict[str, Any], jobs: Path, tmp_path: Path
) -> None:
    train(apply_overrides(experiment, [f"output={tmp_path / 'run'}", ADAPTIVE]))
    whole = load_file(tmp_path / "run" / "model" / "model.safetensors")
    for name in ("adaptive", "adaptive-sharded"):
        assert losses(jobs / name) == pytest.approx(losses(tmp_path / "run"), rel=1e-5)
        weights = load_file(jobs / name / "model" / "model.safetensors")
        assert weights.keys() == whole.keys() and torch.equal(weights["softmax_order"], whole["softmax_order"])
        assert all(torch.allclose(weights[key], whole[key], atol=1e-4) for key in whole)


def test_two_processes_have_the_averages_of_one(
    experiment: dict[str, Any], alone: Path, jobs: Path, tmp_path: Path
) -> None:
    train(apply_overrides(experiment, [f"output={tmp_path / 'run'}", "training.ema_decay=0.8"]))
    assert losses(jobs / "averaged") == pytest.approx(losses(tmp_path / "run"), rel=1e-5)
    assert losses(tmp_path / "run") != pytest.approx(losses(alone), rel=1e-3)
    weights = [load_file(run / "model" / "model.safetensors") for run in (jobs / "averaged", tmp_path / "run")]
    assert all(torch.allclose(weights[0][name], weights[1][name], atol=1e-4) for name in weights[1])


def test_two_processes_go_on_from_a_model_as_one(
    experiment: dict[str, Any], alone: Path, exported: Path, jobs: Path, tmp_path: Path
) -> None:
    for name, initial, more in (("continued", alone, ["training.ema_decay=0.8"]), ("continued-sharded", exported, [])):
        run = tmp_path / name
        train(apply_overrides(experiment, [f"output={run}", f"initial_model={initial}", *more]))
        assert losses(jobs / name) == pytest.approx(losses(run), rel=1e-5)
        weights = [load_file(path / "model" / "model.safetensors") for path in (jobs / name, run)]
        assert all(torch.allclose(weights[0][key], weights[1][key], atol=1e-4) for key in weights[1])


def test_one_process_cannot_shard(experiment: dict[str, Any], tmp_path: Path) -> None:
    values = apply_overrides(experiment, [f"output={tmp_path / 'run'}", "training.sharding=full"])
    with pytest.raises(UserError, match=r'training.sharding: "full" .* only one runs.*torchrun'):
        train(values)


def test_an_error_of_the_main_process_ends_the_others_in_silence(jobs: Path) -> None:
    ends = [json.loads((jobs / f"end-{process}.json").read_text()) for process in (0, 1)]
    assert ends == [["UserError", "no disk"], ["SystemExit", "1"]]


def test_an_error_of_another_process_is_raised_by_the_main_one(jobs: Path) -> None:
    ends = [json.loads((jobs / f"other-{process}.json").read_text()) for process in (0, 1)]
    assert ends == [["UserError", "not here"], ["SystemExit", "1"]]


def test_an_error_is_said_once_by_the_command(command: tuple[Path, str]) -> None:
    run = command[0]
    done = start(["cli.py", "pretrain", str(run.with_suffix(".jsonnet")), "--output", str(run), "-o", "trainng.x=2"])
    said = done.stdout + done.stderr
    assert done.returncode != 0
    assert said.count("error: ") == 1 and "trainng" in said
    assert 'cli.py", line' not in said  # no traceback of ours


@pytest.mark.parametrize(("command", "rank"), [("finetune", 0), ("tokenizer", 1)])
def test_commands_for_one_process_refuse_to_be_many(command: str, rank: int) -> None:
    environment = {**os.environ, "LOCAL_RANK": str(rank), "RANK": str(rank), "WORLD_SIZE": "2"}
    arguments = [sys.executable, "cli.py", command, "nowhere.jsonnet"]
    done = subprocess.run(arguments, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    message = f"error: {command} runs in one process; start it without torchrun or accelerate launch\n"
    assert done.stderr == ("" if rank else message)


class OneOf:
    """Stands for the accelerator of one of several processes; keeps what it would add up over them."""

    device = torch.device("cpu")

    def __init__(self, process_index: int, num_processes: int) -> None:
        self.process_index = process_index
        self.num_processes = num_processes
        self.sums = torch.zeros(3)

    def autocast(self) -> AbstractContextManager[None]:
        return nullcontext()

    def reduce(self, sums: torch.Tensor, reduction: str) -> torch.Tensor:
        self.sums = sums
        return sums


@pytest.mark.parametrize(("processes", "tokens", "batch_size"), [(2, 53, 1), (3, 53, 2), (4, 21, 1)])
def test_validation_makes_as_many_passes_in_every_process_and_counts_each_window_once(
    make_stream: Callable[..., TokenStream], processes: int, tokens: int, batch_size: int
) -> None:
    model = BiXLSTM(BiXLSTMConfig(vocab_size=20, embedding_dim=8, num_blocks=1, num_heads=2, context_length=8))
    stream = make_stream(np.random.default_rng(0).integers(0, 20, tokens))
    passes = [0]
    model.register_forward_hook(lambda *_: passes.append(passes.pop() + 1))
    expected = validate_model(model, stream, batch_size, None, Accelerator())
    counts, sums = [], torch.zeros(3, dtype=torch.float64)
    for index in range(processes):
        passes[0] = 0
        share = OneOf(index, processes)
        validate_model(model, stream, batch_size, None, share)  # type: ignore[arg-type]
        counts.append(passes[0])
        sums += share.sums
    assert len(set(counts)) == 1
    assert (sums[:2] / sums[2]).mean().item() == pytest.approx(expected.loss, rel=1e-6)


def _ending(file: Path, fails: int) -> None:
    """How each process leaves a block in which one of them meets an error."""
    processes = Processes()
    try:
        if fails == 0:
            processes.run_on_main(_fail)
        else:
            with processes.together():
                if processes.index == fails:
                    raise UserError("not here")
    except (UserError, SystemExit) as end:
        file.with_name(f"{file.name}-{processes.index}.json").write_text(json.dumps([type(end).__name__, str(end)]))


def _fail() -> None:
    raise UserError("no disk")


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for job in json.loads((folder / "jobs.json").read_text()):
        train(**job)
    _ending(folder / "end", 0)
    _ending(folder / "other", 1)
    Processes().leave()
