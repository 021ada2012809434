from __future__ import annotations

import json
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.tasks.finetuning import FinetuneSettings, run_finetuning
from elmo_xlstm.tasks.head_export import DataNotes, export_head
from elmo_xlstm.tasks.loading import load
from elmo_xlstm.tasks.predict import FinishedRun

NOTES = DataNotes("a made-up set", "CC0")


@pytest.fixture(scope="module")
def bundled(model_directory):
    """A tiny model in place of the one that the package carries."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elmo_xlstm.lm.model_directory.bundled_model", lambda name: model_directory)
        yield patch


@pytest.fixture(scope="module")
def run(bundled, ner_experiment, tmp_path_factory) -> Path:
    values = ner_experiment(tmp_path_factory.mktemp("run"))
    values["embedder"]["model"] = "small"
    return finished(values)


def finished(values) -> Path:
    settings = validate(FinetuneSettings, values)
    with open_run(settings.directory, settings):
        command = "python cli.py finetune /home/me/tiny.jsonnet -o results=/home/me/x"
        run_finetuning(settings, settings.directory, command)
    return settings.directory


@pytest.fixture(scope="module")
def head(run, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("heads") / "tiny"
    export_head(run, target, NOTES)
    return target


def test_a_head_answers_as_its_run_does(run, head) -> None:
    texts = ["Siti tiba di Bogor", "hari yang panjang"]
    for whole, small in zip(load(run).predict(texts), load(head).predict(texts), strict=True):
        for word, other in zip(whole.words, small.words, strict=True):
            assert word.score == pytest.approx(other.score, abs=0.02)


def test_it_is_half_as_large_and_has_no_language_model(run, head) -> None:
    assert not (head / "embedder").exists()
    sizes = [(directory / "head.safetensors").stat().st_size for directory in (run, head)]
    assert sizes[1] < 0.6 * sizes[0]
    assert {str(tensor.dtype) for tensor in load_file(head / "head.safetensors").values()} == {"torch.float16"}


def test_it_says_what_it_was_made_of_and_nothing_of_the_machine(run, head) -> None:
    facts = json.loads((head / "head.json").read_text())
    assert facts["language_model"] == {"name": "small", "fingerprint": FinishedRun(run).result.checkpoint}
    assert facts["data"] == {
        "source": "a made-up set",
        "licence": "CC0",
        "examples": {"train": 25, "valid": 6, "test": 9},
    }
    scores = FinishedRun(head).task.score(FinishedRun(run).task.split("test"))
    assert facts["scores"]["test"] == pytest.approx(dict(scores.metrics))
    card = (head / "README.md").read_text()
    assert "`python cli.py finetune tiny.jsonnet -o results=x`" in card
    for said in ("a made-up set", "CC0", "seed 0", f"{100 * facts['scores']['test']['macro_f1']:.2f}", "| valid | 6 |"):
        assert said in card
    for path in head.glob("*.json"):
        assert "/home/me" not in path.read_text() and str(run.parent) not in path.read_text()


def test_another_language_model_is_refused(head, bundled, make_model, tiny_tokenizer, tmp_path) -> None:
    from elmo_xlstm.lm.model_files import save_model

    (tmp_path / "other").mkdir()
    save_model(make_model(tiny_tokenizer, seed=9), tiny_tokenizer, tmp_path / "other")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("elmo_xlstm.lm.model_directory.bundled_model", lambda name: tmp_path / "other")
        with pytest.raises(UserError, match="was trained on another language model than 'small' is"):
            load(head)


def test_damage_is_told(run, tmp_path) -> None:
    export_head(run, tmp_path / "head", NOTES)
    path = tmp_path / "head" / "labels.json"
    path.write_text(path.read_text().replace("PER", "PEN"))
    with pytest.raises(UserError, match=r"damaged: .*labels\.json"):
        load(tmp_path / "head")


def test_only_an_exported_head_is_replaced(run, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    for force in (False, True):
        with pytest.raises(UserError, match="is there already"):
            export_head(run, tmp_path / "mine", NOTES, force=force)
    export_head(run, tmp_path / "head", NOTES)
    with pytest.raises(UserError, match="is there already"):
        export_head(run, tmp_path / "head", NOTES)
    export_head(run, tmp_path / "head", NOTES, force=True)


def test_what_others_could_not_load_is_refused(ner_experiment, tmp_path) -> None:
    own = finished(ner_experiment(tmp_path))
    with pytest.raises(UserError, match="is neither carried by the package nor on the Hugging Face hub"):
        export_head(own, tmp_path / "head", NOTES)


def test_numbers_that_fp16_has_not_are_refused(run, tmp_path) -> None:
    from elmo_xlstm.tasks.head_export import _halve

    path = tmp_path / "head.safetensors"
    weights = load_file(run / "head.safetensors")
    name = next(iter(weights))
    save_file({**weights, name: weights[name].fill_(1e6)}, path)
    with pytest.raises(UserError, match="beyond 65,504"):
        _halve(path)
