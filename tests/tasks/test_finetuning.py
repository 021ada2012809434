from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import RunResult, load_results
from elmo_xlstm.lm.model_files import save_model
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.tasks.finetuning import (
    FinetuneSettings,
    describe_finetuning,
    run_finetuning,
)
from elmo_xlstm.tasks.predict import FinishedRun
from elmo_xlstm.tasks.predictor import WEIGHTS_FILE
from elmo_xlstm.tasks.run_contents import DATA_FILE, EMBEDDER_DIRECTORY
from elmo_xlstm.tasks.tagging import TaggingModel

ROOT = Path(__file__).parents[2]


def finetune(settings: FinetuneSettings, resume: bool = False) -> RunResult:
    with open_run(settings.directory, settings, resume=resume):
        return run_finetuning(settings, settings.directory, "python cli.py finetune x.jsonnet", resume)


def weights(directory: Path) -> dict[str, torch.Tensor]:
    return load_file(directory / "run" / WEIGHTS_FILE)


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module", params=[True, False], ids=["bilm", "baseline"])
def kind(request) -> bool:
    return request.param


@pytest.fixture(scope="module")
def finished(kind, ner_settings, tmp_path_factory) -> tuple[Path, RunResult]:
    """A run left alone: its parent directory and its result."""
    directory = tmp_path_factory.mktemp("finetuning")
    return directory, finetune(ner_settings(directory, kind))


NOT_NEEDED = (
    "accelerate datasets huggingface_hub matplotlib pandas pyarrow requests scipy seqeval sklearn sympy torch._dynamo "
    "torch.distributed.tensor transformers"
).split()

PREDICT = """
import sys
from pathlib import Path
from elmo_xlstm.tasks.predict import FinishedRun
from elmo_xlstm.tasks.registry import register_tasks

register_tasks([])
[row] = FinishedRun(Path(sys.argv[1])).predict(Path(sys.argv[2]))
assert row["words"] == ["siti", "tiba"]
print(*sys.modules)
"""


def test_prediction_imports_nothing_that_only_training_or_scores_need(finished, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("siti tiba\n")
    command = [sys.executable, "-c", PREDICT, str(finished[0] / "run"), str(tmp_path / "in.txt")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert not set(NOT_NEEDED) & set(done.stdout.split())


def test_result_file(finished, kind, ner_files, model_directory) -> None:
    directory, result = finished
    (loaded,) = load_results(directory / "results")
    assert loaded.score == pytest.approx(result.score, abs=1e-6)
    assert (loaded.model, loaded.task, loaded.seed, loaded.split) == ("bilm" if kind else "no-bilm", "tiny", 0, "test")
    assert loaded.main_metric == "macro_f1" and set(loaded.intervals) == {"macro_f1", "micro_f1"}
    assert set(loaded.metrics) == {"macro_f1", "micro_f1", "micro_precision", "micro_recall", "token_accuracy"}
    assert set(loaded.data) == {"train.conll", "valid.conll", "test.conll"}
    assert validate(FinetuneSettings, loaded.config).output == str(directory / "run")
    assert loaded.versions["torch"] == torch.__version__ and loaded.command.startswith("python cli.py")
    head = sum(tensor.numel() for tensor in weights(directory).values())
    if kind:
        embedder = ElmoEmbedder.from_pretrained(model_directory, device="cpu")
        model = embedder.model
        used = (model.token_embedding, model.forward_stack, model.backward_stack)
        assert loaded.checkpoint == embedder.fingerprint
        assert loaded.parameters.frozen_bilm == sum(p.numel() for part in used for p in part.parameters())
        mix = loaded.mix["head"]
        assert len(mix.weights) == 3 and sum(mix.weights) == pytest.approx(1, abs=1e-5)
        assert max(mix.weights) - min(mix.weights) > 1e-4 and mix.gamma != 1  # learned
    else:
        assert loaded.checkpoint is None and loaded.parameters.frozen_bilm == 0 and loaded.mix == {}
    assert loaded.parameters.total == loaded.parameters.trainable + loaded.parameters.frozen_bilm
    assert 0 < loaded.parameters.trainable <= head


def test_run_directory(finished, kind) -> None:
    run = finished[0] / "run"
    rows = [json.loads(line) for line in (run / "predictions-test.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(rows) == 9 and rows[0]["words"] == ["Joko", "Susilo", "makan"]
    assert rows[0]["gold"] == ["I-PER", "I-PER", "O"]  # as in the file
    assert all(len(row["words"]) == len(row["gold"]) == len(row["predicted"]) for row in rows)
    history = json.loads((run / "history.json").read_text())
    assert len(history["epochs"]) == 3 and history["monitor"] == "macro_f1"
    assert json.loads((run / "result.json").read_text())["metrics"] == finished[1].metrics
    assert (run / EMBEDDER_DIRECTORY).is_dir() == kind
    assert not list(run.rglob("*.pt")) and not list(run.rglob("*.bin")) and not list(run.rglob(".*.partial"))


def test_same_seed_same_run(finished, kind, ner_settings, tmp_path) -> None:
    directory, result = finished
    torch.manual_seed(12345)  # what ran before does not matter
    again = finetune(ner_settings(tmp_path, kind))
    assert (again.metrics, again.intervals, again.mix) == (result.metrics, result.intervals, result.mix)
    predictions = "run/predictions-test.jsonl"
    assert (tmp_path / predictions).read_bytes() == (directory / predictions).read_bytes()
    assert same(weights(tmp_path), weights(directory))


def test_other_seed_other_initial_and_final_weights(finished, kind, ner_experiment, tmp_path, monkeypatch) -> None:
    initial = {}
    for seed in (0, 1):
        values = {**ner_experiment(tmp_path / str(seed), kind), "seed": seed}

        def fit(self, *arguments, seed, **_):
            initial[seed] = {name: tensor.clone() for name, tensor in self.model.head.state_dict().items()}
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(
                "elmo_xlstm.tasks.tagging.TaggingTask.fit", lambda self, *a, fit=fit, s=seed: fit(self, seed=s)
            )
            with pytest.raises(KeyboardInterrupt):
                finetune(validate(FinetuneSettings, values))
    assert not torch.equal(initial[0]["projection.weight"], initial[1]["projection.weight"])
    other = validate(FinetuneSettings, {**ner_experiment(tmp_path / "whole", kind), "seed": 1})
    assert finetune(other).path(Path()).name == "seed-1.json"
    assert not same(weights(tmp_path / "whole"), weights(finished[0]))


def test_resume_after_a_crash(finished, kind, ner_settings, tmp_path, crash_in_second_validation) -> None:
    directory, result = finished
    settings = ner_settings(tmp_path, kind)
    with crash_in_second_validation(TaggingModel):
        finetune(settings)
    assert not (tmp_path / "results").exists() and not (tmp_path / "run" / WEIGHTS_FILE).exists()
    with pytest.raises(UserError, match="--resume"):
        FinishedRun(tmp_path / "run")
    with pytest.raises(UserError, match="--resume.*--force"):
        finetune(settings)
    resumed = finetune(settings, resume=True)
    assert resumed.metrics == result.metrics and resumed.mix == result.mix
    assert same(weights(tmp_path), weights(directory))
    epochs = json.loads((tmp_path / "run" / "history.json").read_text())["epochs"]
    assert [epoch["epoch"] for epoch in epochs] == [1, 2, 3]


def test_resume_goes_on_with_the_model_the_run_keeps(ner_experiment, model_directory, tmp_path, monkeypatch) -> None:
    values = ner_experiment(tmp_path)
    values["embedder"]["model"] = str(shutil.copytree(model_directory, tmp_path / "bilm"))
    settings = validate(FinetuneSettings, values)
    with monkeypatch.context() as patch:
        patch.setattr(TaggingModel, "read", lambda *_: pytest.fail("stop"))
        with pytest.raises(pytest.fail.Exception):
            finetune(settings)
    shutil.rmtree(tmp_path / "bilm")
    result = finetune(settings, resume=True)
    assert result.checkpoint == ElmoEmbedder.from_pretrained(model_directory, device="cpu").fingerprint


def test_a_run_does_not_go_on_with_other_data(ner_experiment, tmp_path, crash_in_second_validation, ner_files) -> None:
    values = ner_experiment(tmp_path)
    train = Path(shutil.copy(ner_files["train"], tmp_path / "train.conll"))
    values["task"]["dataset"]["train"] = str(train)
    settings = validate(FinetuneSettings, values)
    with crash_in_second_validation(TaggingModel):
        finetune(settings)
    text = train.read_text()
    train.write_text(text + "\nIbu\tO\n\n")
    with pytest.raises(UserError, match=r"data have changed since the run began: .*train\.conll\. Put back .*--force"):
        finetune(settings, resume=True)
    train.write_text(text)
    (tmp_path / "run" / DATA_FILE).rename(tmp_path / "kept")
    for damaged in (b"{", b"null", b"[1]", b'{"train.conll": 5}', b"\xff"):
        (tmp_path / "run" / DATA_FILE).write_bytes(damaged)
        with pytest.raises(UserError, match=r"data\.json: damaged; begin anew with --force, which deletes the run"):
            finetune(settings, resume=True)
    (tmp_path / "kept").replace(tmp_path / "run" / DATA_FILE)
    assert len(finetune(settings, resume=True).curve) == 3


def test_evaluate_is_what_the_result_says(finished, kind, ner_files, tmp_path) -> None:
    directory, result = finished
    run = FinishedRun(directory / "run")
    scores = run.evaluate("test")
    assert scores["metrics"] == result.metrics and scores["data"] == "test"
    assert scores["intervals"] == result.intervals
    assert scores["types"] == {name: score.model_dump() for name, score in result.types.items()}
    history = json.loads((directory / "run" / "history.json").read_text())
    best = history["epochs"][history["best_epoch"] - 1]
    assert run.evaluate("valid")["metrics"] == best["metrics"]
    # A further file: the test split under another name, and words in another tagging.
    copy = shutil.copy(ner_files["test"], tmp_path / "further.conll")
    assert run.evaluate("valid", Path(copy))["metrics"] == result.metrics
    (tmp_path / "new.conll").write_text("Ibu\tO\nTeresa\tB-MISC\n")
    assert run.evaluate("test", tmp_path / "new.conll")["types"]["MISC"]["support"] == 1


def test_moved_run_needs_nothing_else(kind, ner_experiment, ner_files, model_directory, tmp_path) -> None:
    values = ner_experiment(tmp_path / "before", kind)
    data = tmp_path / "data"
    data.mkdir()
    for name, path in ner_files.items():
        values["task"]["dataset"][name] = shutil.copy(path, data)
    if kind:
        values["embedder"]["model"] = str(shutil.copytree(model_directory, tmp_path / "bilm"))
    finetune(validate(FinetuneSettings, values))
    source = tmp_path / "input.txt"
    source.write_text("Siti tiba di Bogor pada pagi hari.\n🦜 漢字 …\n", encoding="utf-8")
    before = list(FinishedRun(tmp_path / "before" / "run").predict(source))
    (tmp_path / "before" / "run").rename(tmp_path / "after")
    shutil.rmtree(tmp_path / "before")
    shutil.rmtree(data)
    shutil.rmtree(tmp_path / "bilm", ignore_errors=True)
    after = list(FinishedRun(tmp_path / "after").predict(source))
    assert after == before and [len(row["tags"]) for row in after] == [8, 3]


def test_model_behind_symbolic_links(ner_experiment, model_directory, tmp_path) -> None:
    """As the hub's cache keeps models: relative links into a directory of blobs."""
    blobs = shutil.copytree(model_directory, tmp_path / "blobs")
    snapshot = tmp_path / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    for path in blobs.iterdir():
        (snapshot / path.name).symlink_to(Path("..") / ".." / "blobs" / path.name)
    values = ner_experiment(tmp_path)
    values["embedder"]["model"] = str(snapshot)
    values["trainer"]["epochs"] = 1
    finetune(validate(FinetuneSettings, values))
    kept = tmp_path / "run" / EMBEDDER_DIRECTORY
    assert not any(path.is_symlink() for path in kept.iterdir())
    assert kept.joinpath("model.safetensors").read_bytes() == blobs.joinpath("model.safetensors").read_bytes()


@pytest.mark.parametrize("old", [True, False])
def test_a_language_model_that_changes_through_its_links_is_refused(
    ner_experiment, make_model, tiny_tokenizer, tmp_path, old
) -> None:
    """The files of the model that a run names are the run's own, too: what is copied over them changes both."""
    for seed, name in enumerate(("model", "other")):
        save_model(make_model(tiny_tokenizer, seed=seed), tiny_tokenizer, tmp_path / name)
    values = ner_experiment(tmp_path)
    values["embedder"]["model"] = str(tmp_path / "model")
    values["trainer"]["epochs"] = 1
    settings = validate(FinetuneSettings, values)
    finetune(settings)
    run, before = tmp_path / "run", (tmp_path / "model" / "model.safetensors").read_bytes()
    kept = run / EMBEDDER_DIRECTORY
    assert kept.joinpath("model.safetensors").samefile(tmp_path / "model" / "model.safetensors")
    if old:  # of the time before kept models had checksums of their own
        kept.joinpath("checksums.json").unlink()
    FinishedRun(run)
    shutil.copyfile(tmp_path / "other" / "model.safetensors", tmp_path / "model" / "model.safetensors")
    with pytest.raises(UserError, match="embedder: is not the language model that the run began with"):
        FinishedRun(run)
    if not old:
        with pytest.raises(UserError, match="embedder: is not the language model that the run began with"):
            finetune(settings, resume=True)
    (tmp_path / "model" / "model.safetensors").write_bytes(before)
    FinishedRun(run).evaluate("test")


def test_changed_data_are_not_scored_as_the_runs(ner_experiment, tmp_path) -> None:
    values = ner_experiment(tmp_path, False)
    values["trainer"]["epochs"] = 1
    data = shutil.copytree(Path(values["task"]["dataset"]["test"]).parent, tmp_path / "data")
    for name in ("train", "valid", "test"):
        values["task"]["dataset"][name] = str(data / Path(values["task"]["dataset"][name]).name)
    settings = validate(FinetuneSettings, values)
    finetune(settings)
    test = settings.task.dataset.test
    scores = FinishedRun(tmp_path / "run").evaluate("test")
    test.write_bytes(test.read_bytes() + b"\nBaru\tO\n\n")
    for split in ("test", "valid"):
        with pytest.raises(UserError, match="data have changed since the run began: test.conll.*--data"):
            FinishedRun(tmp_path / "run").evaluate(split)
    assert FinishedRun(tmp_path / "run").evaluate("test", test)["metrics"].keys() == scores["metrics"].keys()


def test_all_that_a_run_writes_is_known_to_be_its_own(finished, kind, ner_settings, tmp_path) -> None:
    run = shutil.copytree(finished[0] / "run", tmp_path / "run")
    (run / "checksums.json").unlink()  # as of a run that was killed
    with open_run(run, ner_settings(tmp_path, kind), force=True):
        assert {path.name for path in run.iterdir()} == {"config.json", "run.json"}


def test_a_file_that_others_put_into_a_run_is_not_taken_for_its_own(finished, ner_settings, kind, tmp_path) -> None:
    run = shutil.copytree(finished[0] / "run", tmp_path / "run")
    (run / "notes.txt").write_text("mine")
    finetune(ner_settings(tmp_path, kind), resume=True)
    listed = json.loads((run / "checksums.json").read_text())["files"]
    assert "notes.txt" not in listed and {WEIGHTS_FILE, "result.json", "labels.json"} <= listed.keys()
    (run / "notes.txt").write_text("more")
    FinishedRun(run)


def test_a_model_with_links_to_files_of_the_user_is_refused(ner_experiment, model_directory, tmp_path) -> None:
    """They would be kept with the run, which is passed on."""
    model = shutil.copytree(model_directory, tmp_path / "model")
    (tmp_path / "key").write_text("secret")
    (model / "notes.txt").symlink_to(tmp_path / "key")
    values = ner_experiment(tmp_path)
    values["embedder"]["model"] = str(model)
    with pytest.raises(UserError, match=r"notes\.txt: is a link that leads out of"):
        finetune(validate(FinetuneSettings, values))
    assert not list(tmp_path.glob("run/**/notes.txt"))


def _nested(path: Path) -> None:
    path.write_text("[" * 100_000 + "]" * 100_000)


def _device(path: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link(path: Path) -> None:
    path.rename(path.parent.parent / path.name)
    path.symlink_to(path.parent.parent / path.name)


@pytest.mark.parametrize("name", ["config.json", "labels.json", "head.safetensors", "words.vocabulary"])
@pytest.mark.parametrize("change", [_nested, _device, _fifo, _link])
def test_a_run_of_others_that_is_made_to_hang(finished, tmp_path, name, change) -> None:
    run = strange(finished, tmp_path)
    change(run / name)
    with pytest.raises(UserError, match=run.name):
        FinishedRun(run)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"encoder": {"hidden_size": 12_000}}, r"settings give \(48000, "),
        ({"encoder": {"num_layers": 100_000}}, "num_layers: input should be less than or equal to 100"),
        ({"encoder": {"num_layers": 2}}, "is missing, its settings give"),
        ({"words": {"dim": 10**12}}, "settings give"),
        ({"characters": {"filters": 2**40, "dim": 2**40}}, "settings give"),
        ({"projection": 2**50}, "settings give"),
    ],
)
def test_a_run_of_others_with_a_head_that_is_too_large(finished, tmp_path, changes, said) -> None:
    """Refused by its sizes: to build it would take all memory, or days."""
    run = strange(finished, tmp_path)
    values = json.loads((run / "config.json").read_text())
    head = values["task"]["head"]
    for key, value in changes.items():
        head[key] = {**head[key], **value} if isinstance(value, dict) else value
    (run / "config.json").write_text(json.dumps(values))
    with pytest.raises(UserError, match=said):
        FinishedRun(run)


def test_a_run_of_others_with_any_number_of_labels(finished, tmp_path) -> None:
    run = strange(finished, tmp_path)
    (run / "labels.json").write_text(json.dumps({"labels": ["O", *(f"B-{n}" for n in range(60_000))], "aspects": []}))
    with pytest.raises(UserError, match="60,001 tags"):
        FinishedRun(run)


def strange(finished: tuple[Path, RunResult], directory: Path) -> Path:
    """A copy of a run, without the checksums that would find any change."""
    run = shutil.copytree(finished[0] / "run", directory / "strange")
    (run / "checksums.json").unlink()
    return run


def test_file_systems_without_hard_links(ner_experiment, model_directory, tmp_path, monkeypatch) -> None:
    def link(*_):
        raise OSError("not here")

    monkeypatch.setattr("elmo_xlstm.tasks.run_contents.os.link", link)
    values = ner_experiment(tmp_path)
    values["trainer"]["epochs"] = 1
    result = finetune(validate(FinetuneSettings, values))
    kept = ElmoEmbedder.from_pretrained(tmp_path / "run" / EMBEDDER_DIRECTORY, device="cpu")
    assert kept.fingerprint == result.checkpoint


def test_description_trains_nothing(kind, ner_settings, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(ElmoEmbedder, "stream", lambda *_: pytest.fail("embedded"))
    sizes = json.loads(json.dumps(describe_finetuning(ner_settings(tmp_path, kind))))
    assert sizes["sentences"]["train"] == 25 and sum(sizes["parameters"].values()) > 0
    assert ("frozen language model" in sizes) == kind
    assert not list(tmp_path.iterdir())


def test_mix_without_embedder(ner_experiment, tmp_path) -> None:
    values = {**ner_experiment(tmp_path, True), "embedder": None}
    with pytest.raises(ConfigError, match="the head mixes the layers of a language model; name one: embedder: "):
        validate(FinetuneSettings, values)


def test_embedder_without_mix(ner_experiment, tmp_path) -> None:
    values = {**ner_experiment(tmp_path, False), "embedder": {"model": "x"}}
    with pytest.raises(ConfigError, match="an embedder is given, but the head does not read it; add task.head.mix"):
        validate(FinetuneSettings, values)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seed": -1}, "seed: "),
        ({"seed": 2**32}, "seed: "),
        ({"model": "a/b"}, "model: "),
        ({"modle": "x"}, "modle: unknown key; did you mean 'model'?"),
        ({"task": {"type": "tagginng"}}, "task: unknown type 'tagginng'; did you mean 'tagging'?"),
    ],
)
def test_wrong_settings(changes, message, ner_experiment, tmp_path) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(FinetuneSettings, {**ner_experiment(tmp_path), **changes})
    assert any(problem.startswith(message) for problem in caught.value.problems)


def test_default_directory(ner_experiment, tmp_path) -> None:
    values = ner_experiment(tmp_path)
    del values["output"]
    assert validate(FinetuneSettings, {**values, "seed": 3}).directory == Path("runs/tiny/bilm/seed-3")


def test_no_run(tmp_path) -> None:
    with pytest.raises(UserError, match="no run there .*train one with finetune"):
        FinishedRun(tmp_path)
