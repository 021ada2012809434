"""Pretraining that goes on from a model."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from elmo_xlstm.config import ConfigError, apply_overrides, validate
from elmo_xlstm.embedding.export import export_model
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.initial_model import complete, read_kept
from elmo_xlstm.lm.model_directory import read_provenance
from elmo_xlstm.lm.pretraining import describe_pretraining, run_pretraining
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.scoring import Validation, score_files
from elmo_xlstm.lm.training_checkpoints import TrainingCheckpoints
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.text import Tokenizer, prepare_corpus

Change = Callable[..., PretrainSettings]
SENTENCES = [["saya", "pergi", "ke", "pasar"]]


def train(settings: PretrainSettings, resume: bool = False) -> Validation:
    """As the command does."""
    directory = Path(settings.output)
    settings = complete(settings, directory if resume else None)
    with open_run(directory, settings, resume=resume):
        return run_pretraining(settings, directory, resume)


def killed_when_it_saves(settings: PretrainSettings, step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if it were killed when the checkpoint of a step was written."""
    save = TrainingCheckpoints.save

    def killed(self: TrainingCheckpoints, model: Any, optimizer: Any, position: Any, *others: Any) -> None:
        save(self, model, optimizer, position, *others)
        if position.step == step:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(TrainingCheckpoints, "save", killed)
        train(settings)


def weights(directory: Path) -> dict[str, torch.Tensor]:
    return load_file(directory / "model.safetensors")


def validations(run: Path) -> dict[int, float]:
    lines = map(json.loads, (run / "metrics.jsonl").read_text().splitlines())
    return {line["step"]: line["loss"] for line in lines if line["kind"] == "validation"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("initial")


@pytest.fixture(scope="module")
def first(vocabulary_file: Path, text_file: Path, place: Path) -> dict[str, Any]:
    """The experiment of the model that others start from."""
    return {
        "tokenizer": {"name": str(vocabulary_file), "lower_case": True},
        "corpus": {
            "sources": [{"type": "local", "paths": [str(text_file)], "documents": "line"}],
            "cleaning": {"min_characters": 10},
            "validation_fraction": 0.1,
            "workers": 1,
        },
        "corpus_directory": str(place / "corpus"),
        "model": {"embedding_dim": 16, "num_blocks": 1, "num_heads": 2, "dropout": 0.1, "context_length": 16},
        "optimizer": {"learning_rate": 0.01},
        "schedule": {"warmup_steps": 2},
        "training": {"max_steps": 30, "batch_size": 8, "validate_every": 15, "precision": "fp32", "compile": False},
        "output": str(place / "run"),
    }


@pytest.fixture(scope="module")
def run(first: dict[str, Any], place: Path) -> Path:
    """A pretraining run; not to be written into."""
    train(validate(PretrainSettings, first))
    return place / "run"


@pytest.fixture(scope="module")
def adaptive_run(first: dict[str, Any], place: Path) -> Path:
    loss = 'softmax_loss={"type": "adaptive", "clusters": [10, 30]}'
    output = place / "adaptive"
    train(validate(PretrainSettings, apply_overrides(first, [loss, f"output={output}", "training.max_steps=15"])))
    return output


@pytest.fixture(scope="module")
def exported(run: Path, place: Path) -> Path:
    export_model(run, place / "export", SENTENCES, "int8")
    return place / "export"


@pytest.fixture
def adapt(first: dict[str, Any], run: Path, tmp_path: Path) -> Change:
    """Settings that go on from a model, with neither tokenizer nor architecture."""

    def make(*overrides: str, initial: Path = run) -> PretrainSettings:
        left = {name: value for name, value in first.items() if name not in ("tokenizer", "model")}
        changes = [f"initial_model={initial}", f"output={tmp_path / 'adapted'}", "training.max_steps=8"]
        values = apply_overrides(left, [*changes, "training.validate_every=4", *overrides])
        return validate(PretrainSettings, values)

    return make


def test_it_goes_on_from_a_run_with_its_tokenizer_sizes_and_soft_max(
    adapt: Change, run: Path, tmp_path: Path, text_file: Path
) -> None:
    best = train(adapt())
    adapted = tmp_path / "adapted"
    losses = validations(adapted)
    assert list(losses) == [0, 4, 8] and losses[0] == pytest.approx(validations(run)[30], rel=1e-6)
    assert best.loss == min(losses.values()) < losses[0]
    before, after = (BiXLSTM.from_pretrained(path / "model") for path in (run, adapted))
    assert before.config == after.config
    assert Tokenizer.load(adapted / "model").fingerprint == Tokenizer.load(run / "model").fingerprint
    stored = json.loads((adapted / "config.json").read_text())
    assert stored["model"]["embedding_dim"] == 16 and stored["tokenizer"] is None
    scores = [score_files(path, [text_file])[str(text_file)].loss for path in (run, adapted)]
    assert scores[1] < scores[0]


def test_the_first_checkpoint_has_the_initial_models_weights(
    adapt: Change, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_when_it_saves(adapt(), 0, monkeypatch)
    own, begun = weights(run / "model"), weights(tmp_path / "adapted" / "checkpoints" / "step-00000000" / "model")
    assert own.keys() == begun.keys() and all(torch.equal(own[name], begun[name]) for name in own)


def test_an_export_is_given_a_new_soft_max(
    adapt: Change, exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = adapt(initial=exported)
    sizes = describe_pretraining(settings)
    assert sizes["parameters"]["soft-max"] == 2 * sizes["parameters"]["token embedding"]
    killed_when_it_saves(settings, 0, monkeypatch)
    own = BiXLSTM.from_pretrained(exported).state_dict()
    begun = BiXLSTM.from_pretrained(tmp_path / "adapted/checkpoints/step-00000000/model").state_dict()
    assert all(torch.equal(own[name], begun[name]) for name in own)
    rows = {"forward_softmax", "backward_softmax"}
    assert begun.keys() - own.keys() == rows
    embedding = own["token_embedding.weight"] - own["token_embedding.weight"].mean(dim=0)
    for name in rows:  # but for one direction, pieces lie to each other as in the embedding
        parallel = begun[name] - embedding * (begun[name] * embedding).sum() / (embedding * embedding).sum()
        values = torch.linalg.svdvals(parallel)
        assert values[1] < 0.2 * values[0]
    corpus = prepare_corpus(settings.corpus, Tokenizer.load(exported), Path(settings.corpus_directory))
    counts = corpus.token_counts + 0.5
    entropy = -(counts / counts.sum() * np.log(counts / counts.sum())).sum()
    train(settings, resume=True)
    losses = validations(tmp_path / "adapted")
    assert losses[8] < losses[4] < losses[0] < 1.15 * entropy  # as good as knowing how often each piece occurs
    assert read_kept(tmp_path / "adapted")["softmax"] == "fresh"


@pytest.mark.parametrize(
    ("step", "change"), [(0, "ema_decay=0.9"), (4, "ema_decay=0.9"), (4, "gradient_accumulation=2")]
)
def test_killed_and_resumed_without_the_initial_model_equals_left_alone(
    adapt: Change, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int, change: str
) -> None:
    initial = shutil.copytree(run, tmp_path / "initial")
    alone = train(adapt(f"training.{change}", initial=initial))
    stopped = adapt(f"training.{change}", f"output={tmp_path / 'stopped'}", initial=initial)
    killed_when_it_saves(stopped, step, monkeypatch)
    shutil.rmtree(initial)
    assert train(stopped, resume=True) == alone
    runs = [tmp_path / "adapted", tmp_path / "stopped"]
    assert validations(runs[0]) == validations(runs[1])
    assert len({(path / "model/model.safetensors").read_bytes() for path in runs}) == 1


def test_an_adaptive_soft_max_keeps_its_clusters_and_their_order(
    adapt: Change, adaptive_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = adapt(initial=adaptive_run)
    other = json.dumps([{"type": "local", "paths": [str(tmp_path / "other.txt")], "documents": "line"}])
    (tmp_path / "other.txt").write_text("".join(f"dari rumah {i} ke sawah dan sawah.\n" for i in range(300)))
    settings = adapt(f"corpus.sources={other}", initial=adaptive_run)
    killed_when_it_saves(settings, 0, monkeypatch)
    own = weights(adaptive_run / "model")
    begun = weights(tmp_path / "adapted/checkpoints/step-00000000/model")
    assert torch.equal(own["softmax_order"], begun["softmax_order"])
    with pytest.raises(ConfigError, match=r"softmax_loss: .*clusters \[10, 30\] \(got 'full'\)"):
        complete(adapt('softmax_loss={"type": "full"}', initial=adaptive_run))


def test_what_the_experiment_says_is_kept_where_it_fits(adapt: Change, exported: Path) -> None:
    settings = complete(adapt("model.dropout=0.3", "model.context_length=8", "model.num_blocks=1"))
    assert (settings.model.dropout, settings.model.context_length, settings.model.embedding_dim) == (0.3, 8, 16)
    assert complete(settings) == settings
    assert complete(adapt("model.softmax=tied", initial=exported)).model.softmax == "tied"


def test_another_architecture_or_vocabulary_is_refused_with_all_that_differs(
    adapt: Change, tiny_tokenizer: Tokenizer, vocabulary_file: Path, tmp_path: Path
) -> None:
    tiny_tokenizer.save(tmp_path / "other")
    with pytest.raises(ConfigError) as caught:
        complete(
            adapt(
                f'tokenizer={{"name": "{tmp_path / "other"}", "lower_case": false}}',
                "model.embedding_dim=32",
                "model.softmax=shared",
                'softmax_loss={"type": "adaptive", "clusters": [5]}',
            )
        )
    keys = [problem.partition(":")[0] for problem in caught.value.problems]
    assert keys == ["tokenizer", "model.embedding_dim", "model.softmax", "softmax_loss"]
    same = f'tokenizer={{"name": "{vocabulary_file}", "lower_case": true}}'
    assert complete(adapt(same)).tokenizer is not None
    with pytest.raises(ConfigError, match="tokenizer: "):  # the same pieces, read in another way
        complete(adapt(same.replace("true", "false")))


def test_a_run_does_not_replace_what_it_starts_from(adapt: Change, run: Path) -> None:
    with pytest.raises(ConfigError, match="output: .*choose another --output"):
        complete(adapt(f"output={run}"))


def test_a_replaced_run_forgets_what_it_began_with(
    adapt: Change, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_when_it_saves(adapt(), 0, monkeypatch)
    kept = tmp_path / "adapted" / "initial_model"
    (kept / "own.json").write_text("{}")
    with open_run(tmp_path / "adapted", adapt(), force=True):
        assert [path.name for path in kept.iterdir()] == ["own.json"] and read_kept(tmp_path / "adapted") is None


def test_neither_a_tokenizer_nor_an_initial_model_is_refused(first: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="tokenizer: is required but missing; or name an initial_model"):
        validate(PretrainSettings, {name: value for name, value in first.items() if name != "tokenizer"})


def test_a_model_that_is_not_there_or_damaged_is_refused(adapt: Change, exported: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no pretrained model there"):
        complete(adapt(initial=tmp_path / "nowhere"))
    damaged = shutil.copytree(exported, tmp_path / "damaged")
    content = bytearray((damaged / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (damaged / "model.safetensors").write_bytes(content)
    with pytest.raises(UserError, match="the model is damaged"):
        train(adapt(initial=damaged))


def test_an_export_of_it_says_what_it_began_with(adapt: Change, run: Path, tmp_path: Path) -> None:
    train(adapt())
    export_model(tmp_path / "adapted", tmp_path / "out", SENTENCES)
    provenance = read_provenance(tmp_path / "out")
    kept = read_kept(tmp_path / "adapted")
    assert provenance["initial_model"] == {**kept, "name": "run"} and provenance["recipe"]["initial_model"] == "run"
    assert kept["softmax"] == "kept" and kept["tokenizer"] == Tokenizer.load(run / "model").fingerprint
    assert len(kept["sha256"]) == 64
    export_model(run, tmp_path / "first", SENTENCES)
    assert "initial_model" not in read_provenance(tmp_path / "first")
