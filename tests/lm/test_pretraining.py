from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from elmo_xlstm.config import apply_overrides, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.pretraining import Pretraining, describe_pretraining, mixed_precision, run_pretraining
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.training_checkpoints import TrainingCheckpoints
from elmo_xlstm.lm.validation import Validation
from elmo_xlstm.runs.checksums import write_checksums
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.text import prepare_corpus
from elmo_xlstm.text.tokenizer import Tokenizer

ROOT = Path(__file__).parents[2]
MakeSettings = Callable[..., PretrainSettings]


@pytest.fixture(scope="module")
def experiment(vocabulary_file: Path, text_file: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A language model that is trained in a second, with all that draws random numbers: dropout and samples."""
    return {
        "tokenizer": {"name": str(vocabulary_file), "lower_case": True},
        "corpus": {
            "sources": [{"type": "local", "paths": [str(text_file)], "documents": "line"}],
            "cleaning": {"min_characters": 10},
            "validation_fraction": 0.1,
            "workers": 1,
        },
        "corpus_directory": str(tmp_path_factory.mktemp("corpus")),
        "model": {"embedding_dim": 16, "num_blocks": 1, "num_heads": 2, "dropout": 0.1, "context_length": 16},
        "softmax_loss": {"type": "sampled", "samples": 40},
        "optimizer": {"learning_rate": 0.01},
        "schedule": {"warmup_steps": 5, "decay": "cosine"},
        "training": {"max_steps": 40, "batch_size": 8, "validate_every": 4, "log_every": 3, "precision": "fp32"},
    }


@pytest.fixture
def make_settings(experiment: dict[str, Any], tmp_path: Path) -> MakeSettings:
    def make(*overrides: str) -> PretrainSettings:
        values = apply_overrides(experiment, [f"output={tmp_path / 'run'}", *overrides])
        return validate(PretrainSettings, values)

    return make


def train(settings: PretrainSettings, resume: bool = False) -> Validation:
    directory = Path(settings.output)
    with open_run(directory, settings, resume=resume):
        return run_pretraining(settings, directory, resume)


def train_until_first_checkpoint(settings: PretrainSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were killed then."""
    save = TrainingCheckpoints.save

    def killed(self: TrainingCheckpoints, *arguments: Any) -> None:
        save(self, *arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TrainingCheckpoints, "save", killed)
        train(settings)


def metrics(directory: Path, kind: str) -> list[dict[str, Any]]:
    lines = map(json.loads, (directory / "metrics.jsonl").read_text().splitlines())
    return [line for line in lines if line.pop("kind") == kind]


def test_a_run_from_text_to_a_model(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings()
    best = train(settings)
    run = tmp_path / "run"

    validations = metrics(run, "validation")
    assert [line["step"] for line in validations] == list(range(4, 41, 4))
    assert validations[-1]["loss"] < 0.8 * validations[0]["loss"]
    assert validations[-1]["forward_perplexity"] < validations[0]["forward_perplexity"]
    assert validations[-1]["backward_bits_per_character"] < validations[0]["backward_bits_per_character"]
    trained = metrics(run, "train")
    assert [line["step"] for line in trained] == [*range(3, 40, 3), 40]
    assert all(line["tokens_per_second"] > 0 and 0 <= line["data_share"] <= 1 for line in trained)
    assert trained[0]["learning_rate"] == pytest.approx(0.01 * 3 / 5)

    steps = [line["step"] for line in validations]
    best_step = min(validations, key=lambda line: line["loss"])["step"]
    kept = sorted({best_step, *steps[-2:]})
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == [f"step-{step:08d}" for step in kept]
    assert best.loss == min(line["loss"] for line in validations)

    model = BiXLSTM.from_pretrained(run / "model")
    saved = BiXLSTM.from_pretrained(run / "checkpoints" / f"step-{best_step:08d}" / "model")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), saved.parameters(), strict=True))
    tokenizer = Tokenizer.load(run / "model")
    assert tokenizer.lower_case and model.config.vocab_size == tokenizer.vocab_size
    assert not [path for path in run.rglob("*") if path.suffix in (".pt", ".bin", ".pkl", ".pth")]


def test_killed_and_resumed_equals_left_alone(
    experiment: dict[str, Any], make_settings: MakeSettings, tmp_path: Path
) -> None:
    config = tmp_path / "experiment.jsonnet"
    config.write_text(json.dumps(experiment))
    run = tmp_path / "killed"
    command = [sys.executable, str(ROOT / "cli.py"), "pretrain", str(config), "--output", str(run)]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            while not (run / "checkpoints" / "step-00000008").exists():
                assert process.poll() is None, process.communicate()[0].decode()
                time.sleep(0.002)
        finally:
            process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    assert not (run / "model").exists() and metrics(run, "validation")[-1]["step"] < 40
    # As if it had been killed while it wrote a line that no checkpoint stands behind.
    with open(run / "metrics.jsonl", "a") as file:
        file.write('{"step": 39, "kind": "validation", "loss": 0.0}\n{"step": 40, "kind": "vali')

    resumed = train(make_settings(f"output={run}"), resume=True)
    alone = train(make_settings())
    assert resumed == alone
    assert metrics(run, "validation") == metrics(tmp_path / "run", "validation")
    weights = [(path / "model" / "model.safetensors").read_bytes() for path in (run, tmp_path / "run")]
    assert weights[0] == weights[1]


def test_resume_of_a_finished_run_changes_nothing(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings("training.max_steps=8")
    first = train(settings)
    before = (tmp_path / "run" / "metrics.jsonl").read_text()
    assert train(settings, resume=True) == first
    assert (tmp_path / "run" / "metrics.jsonl").read_text() == before


def test_resume_with_another_configuration_is_refused(make_settings: MakeSettings) -> None:
    train(make_settings("training.max_steps=4"))
    with pytest.raises(UserError, match="another configuration; different now: training.max_steps."):
        train(make_settings("training.max_steps=8", "training.batch_size=4"), resume=True)
    with pytest.raises(UserError, match="there is a run already"):
        train(make_settings("training.max_steps=4"))


def test_all_that_a_run_writes_is_known_to_be_its_own(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings("training.max_steps=4", "training.validate_every=2")
    train(settings)
    with open_run(tmp_path / "run", settings, force=True):
        assert {path.name for path in (tmp_path / "run").iterdir()} == {"config.json", "run.json"}


def test_a_run_that_was_moved_goes_on(make_settings: MakeSettings, tmp_path: Path) -> None:
    settings = make_settings("training.max_steps=4")
    first = train(settings)
    moved = Path(settings.output).rename(tmp_path / "moved")
    assert train(make_settings("training.max_steps=4", f"output={moved}"), resume=True) == first


def test_resume_before_the_first_checkpoint_starts_from_the_beginning(
    make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings("training.max_steps=4")
    with open_run(tmp_path / "run", settings):
        pass
    (tmp_path / "run" / "metrics.jsonl").write_text('{"step": 3, "kind": "train"}\n{"step"')
    assert train(settings, resume=True) == train(make_settings("training.max_steps=4", f"output={tmp_path / 'b'}"))
    assert [line["step"] for line in metrics(tmp_path / "run", "train")] == [3, 4]


def strict_json(text: str) -> Any:
    return json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


@pytest.mark.parametrize("stop", ["validation", "bad steps", "signal"])
def test_weights_that_diverged_are_never_kept(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    most = 2 if stop == "bad steps" else 9
    settings = make_settings("training.max_steps=8", f"training.max_skipped_steps={most}")
    tokenizer = settings.tokenizer.build()
    corpus = prepare_corpus(settings.corpus, tokenizer, Path(settings.corpus_directory))
    pretraining = Pretraining(settings, tokenizer, corpus, tmp_path)
    step = Pretraining._step

    def spoil(self: Pretraining, windows: torch.Tensor) -> Any:
        if self.position.step == 5:
            torch.nn.init.constant_(self.bare_model.token_embedding.weight, float("nan"))
            if stop == "signal":
                monkeypatch.setattr("elmo_xlstm.lm.pretraining_loop.stop_requested", lambda: signal.SIGTERM)
        return step(self, windows)

    monkeypatch.setattr(Pretraining, "_step", spoil)
    good = tmp_path / "checkpoints" / "step-00000004"
    with pytest.raises(UserError, match="training diverged.*optimizer.learning_rate") as caught:
        pretraining.run()
    assert f"the last good checkpoint is {good}" in str(caught.value)
    assert "--force" in str(caught.value) and "--resume" not in str(caught.value)
    assert list(good.parent.iterdir()) == [good] and strict_json((good / "state.json").read_text())["best_step"] == 4
    lines = [strict_json(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert (lines[-1]["loss"] is None) == (stop == "validation")
    monkeypatch.undo()
    assert Pretraining(settings, tokenizer, corpus, tmp_path).run(resume=True).loss < 10


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"corpus": "0" * 64}, "another corpus"),
        ({"validation": {"loss": float("nan")}}, "had diverged"),
        ({"corpus": None, "best_loss": float("inf")}, None),
    ],
)
def test_a_checkpoint_that_cannot_go_on_is_refused(
    make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], message: str
) -> None:
    """Those of earlier versions have no corpus, an infinite loss for none, and NaN for that of a diverged training."""
    settings = make_settings("training.max_steps=8")
    train_until_first_checkpoint(settings, monkeypatch)
    kept = tmp_path / "run" / "checkpoints" / "step-00000004"
    state = {**json.loads((kept / "state.json").read_text()), **change}
    kept.joinpath("state.json").write_text(json.dumps({k: v for k, v in state.items() if v is not None}))
    write_checksums(kept)
    if message is None:
        assert train(settings, resume=True).loss < 10
    else:
        with pytest.raises(UserError, match=rf"step-00000004: .*{message}"):
            train(settings, resume=True)


def test_accumulated_passes_equal_one_large_batch(make_settings: MakeSettings, tmp_path: Path) -> None:
    plain = ["model.dropout=0", 'softmax_loss={"type": "full"}', "training.max_steps=4"]
    whole = train(make_settings(*plain, "training.batch_size=8"))
    split = train(
        make_settings(*plain, "training.batch_size=4", "training.gradient_accumulation=2", f"output={tmp_path / 'b'}")
    )
    half = train(make_settings(*plain, "training.batch_size=4", f"output={tmp_path / 'c'}"))
    assert split.loss == pytest.approx(whole.loss, rel=1e-5)
    assert split.forward_perplexity == pytest.approx(whole.forward_perplexity, rel=1e-5)
    assert half.loss != pytest.approx(whole.loss, rel=1e-5)


def test_a_seed_decides_everything(make_settings: MakeSettings, tmp_path: Path) -> None:
    short = "training.max_steps=4"
    first = train(make_settings(short))
    assert train(make_settings(short, f"output={tmp_path / 'b'}")) == first
    assert train(make_settings(short, f"output={tmp_path / 'c'}", "seed=1")) != first


@pytest.mark.parametrize(
    ("overrides", "steps"),
    [
        (["training.epochs=2", "training.max_steps=null"], lambda epoch: 2 * epoch),
        (["training.epochs=0.5", "training.max_steps=null"], lambda epoch: round(epoch / 2)),
        (["training.epochs=0.0001", "training.max_steps=null"], lambda epoch: 1),
        (["training.epochs=2", "training.max_steps=3"], lambda epoch: 3),
        (["training.epochs=1", "training.max_steps=100000"], lambda epoch: epoch),
    ],
)
def test_length_of_a_run(
    make_settings: MakeSettings, tmp_path: Path, overrides: list[str], steps: Callable[[int], int]
) -> None:
    settings = make_settings(*overrides)
    tokenizer = settings.tokenizer.build()
    corpus = prepare_corpus(settings.corpus, tokenizer, Path(settings.corpus_directory))
    pretraining = Pretraining(settings, tokenizer, corpus, tmp_path)
    epoch = (len(corpus.train) // 16 - 1) // 8
    assert pretraining.sampler.steps_per_epoch == epoch and pretraining.total_steps == steps(epoch)


def test_a_dry_run_counts_and_writes_no_run(make_settings: MakeSettings, tmp_path: Path) -> None:
    sizes = describe_pretraining(make_settings())
    parameters = sizes["parameters"]
    assert parameters["total"] == parameters["token embedding"] + parameters["stacks"] + parameters["soft-max"]
    assert parameters["soft-max"] == 2 * parameters["token embedding"]
    assert sizes["steps"] == 40 and sizes["tokens per step"] == 8 * 16
    assert sizes["corpus"]["training tokens"] > sizes["corpus"]["validation tokens"] > 0
    assert not (tmp_path / "run").exists()
    tied = describe_pretraining(make_settings("model.softmax=tied"))["parameters"]
    assert tied["total"] == tied["stacks"] + tied["token embedding"]


@pytest.mark.parametrize("softmax", ["separate", "tied"])
def test_an_adaptive_soft_max_is_trained_kept_and_resumed(
    softmax: str, make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    adaptive = ['softmax_loss={"type": "adaptive", "clusters": [10, 30]}', f"model.softmax={softmax}"]
    settings = make_settings(*adaptive, "training.max_steps=12")
    best = train(settings)
    losses = [line["loss"] for line in metrics(tmp_path / "run", "validation")]
    assert best.loss == losses[-1] < 0.95 * losses[0]
    model = BiXLSTM.from_pretrained(tmp_path / "run" / "model")
    corpus = prepare_corpus(settings.corpus, settings.tokenizer.build(), Path(settings.corpus_directory))
    counts = corpus.token_counts[model.softmax_order.numpy()].tolist()
    assert model.config.softmax_clusters == [10, 30] and counts == sorted(counts, reverse=True)

    again = make_settings(*adaptive, "training.max_steps=12", f"output={tmp_path / 'stopped'}")
    train_until_first_checkpoint(again, monkeypatch)
    assert train(again, resume=True) == best


def test_a_dry_run_of_an_adaptive_soft_max_counts_its_rows_and_work(make_settings: MakeSettings) -> None:
    full = describe_pretraining(make_settings('softmax_loss={"type": "full"}'))
    sizes = describe_pretraining(make_settings('softmax_loss={"type": "adaptive", "clusters": [10, 30]}'))
    assert sizes["parameters"]["soft-max"] == full["parameters"]["soft-max"] + 2 * 2 * 16
    parts = ("token embedding", "stacks", "soft-max")
    assert sizes["parameters"]["total"] == sum(sizes["parameters"][part] for part in parts)
    rows = "soft-max rows per token"
    assert 12 < sizes[rows] < full[rows] == full["parameters"]["token embedding"] / 16
    saved = full["training MFLOP per token"] - sizes["training MFLOP per token"]
    assert saved == pytest.approx(12 * 16 * (full[rows] - sizes[rows]) / 1e6, abs=0.11)


def test_clusters_beyond_the_vocabulary_are_refused_before_the_corpus_is_read(make_settings: MakeSettings) -> None:
    settings = make_settings(
        'softmax_loss={"type": "adaptive", "clusters": [10, 9000]}',
        'corpus.sources=[{"type": "local", "paths": ["nowhere.txt"]}]',
    )
    with pytest.raises(UserError, match=r"softmax_loss.clusters: \[10, 9000\] must be ascending ranks"):
        describe_pretraining(settings)


def test_averaged_weights_are_published_and_leave_training_alone(make_settings: MakeSettings, tmp_path: Path) -> None:
    short = "training.max_steps=12"
    plain = train(make_settings(short, f"output={tmp_path / 'plain'}"))
    averaged = train(make_settings(short, "training.ema_decay=0.9", f"output={tmp_path / 'averaged'}"))
    losses = [[line["loss"] for line in metrics(tmp_path / run, "train")] for run in ("plain", "averaged")]
    assert losses[0] == losses[1]
    assert averaged != plain

    last = tmp_path / "averaged" / "checkpoints" / "step-00000012"
    mean = load_file(last / "model" / "model.safetensors")
    trained = load_file(last / "trained.safetensors")
    whole = load_file(tmp_path / "plain" / "checkpoints" / "step-00000012" / "model" / "model.safetensors")
    assert trained.keys() == mean.keys() and not list((tmp_path / "plain").rglob("trained.safetensors"))
    assert all(torch.equal(trained[name], whole[name]) for name in whole)
    assert not torch.equal(mean["token_embedding.weight"], trained["token_embedding.weight"])
    published = metrics(tmp_path / "averaged", "validation")
    assert averaged.loss == min(line["loss"] for line in published)


@pytest.mark.parametrize("softmax", ["separate", "tied"])
def test_averages_killed_and_resumed_equal_those_left_alone(
    softmax: str, make_settings: MakeSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overrides = ["training.max_steps=12", "training.ema_decay=0.9", f"model.softmax={softmax}"]
    alone = train(make_settings(*overrides))
    again = make_settings(*overrides, f"output={tmp_path / 'stopped'}")
    train_until_first_checkpoint(again, monkeypatch)
    assert train(again, resume=True) == alone
    for name in ("model/model.safetensors", "checkpoints/step-00000012/trained.safetensors"):
        assert (tmp_path / "stopped" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()


def test_names_of_precisions() -> None:
    assert mixed_precision("fp32") == "no" and mixed_precision("bf16") == "bf16"
    usable = torch.cuda.is_available() and torch.cuda.is_bf16_supported()
    assert mixed_precision("auto") == ("bf16" if usable else "no")
