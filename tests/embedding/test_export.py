from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from typer.testing import CliRunner

from elmo_xlstm import cli
from elmo_xlstm.config import validate
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.embedding.export import export_model, vector_difference
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM, model_directory
from elmo_xlstm.lm.model_directory import read_provenance
from elmo_xlstm.lm.model_files import save_model
from elmo_xlstm.lm.pretraining import run_pretraining
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.scoring import score_files
from elmo_xlstm.runs.checksums import find_damage
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.text import Tokenizer

SENTENCES = [["Siti", "tiba", "di", "Surabaya", "."], ["Budi"], [], ["Jakarta", "pada", "pagi", "hari"]]
TEXT = [
    f"{who} tiba {how} {where} pada {when}"
    for who in ("Siti", "Budi")
    for how in ("di", "dari")
    for where in ("Surabaya", "Jakarta", "rumah")
    for when in ("pagi hari", "hari yang lain", "malam dan pagi")
]


@pytest.fixture(scope="module", params=["full", "adaptive"])
def run(request, tiny_tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pretraining run of a second; not to be written into."""
    place = tmp_path_factory.mktemp("pretraining")
    tiny_tokenizer.save(place / "tokenizer")
    (place / "text.txt").write_text("\n".join(TEXT))
    clusters = {"clusters": [20, 60]} if request.param == "adaptive" else {}
    values: dict[str, Any] = {
        "tokenizer": {"name": str(place / "tokenizer"), "lower_case": False},
        "corpus": {
            "sources": [{"type": "local", "paths": [str(place / "text.txt")], "documents": "line"}],
            "cleaning": {"min_characters": 5},
            "validation_fraction": 0.1,
            "workers": 1,
        },
        "corpus_directory": str(place / "corpus"),
        "model": {"embedding_dim": 16, "num_blocks": 1, "num_heads": 2, "dropout": 0.1, "context_length": 16},
        "softmax_loss": {"type": request.param, **clusters},
        "optimizer": {"learning_rate": 0.01},
        "training": {"max_steps": 6, "batch_size": 4, "validate_every": 3, "compile": False, "precision": "fp32"},
        "output": str(place / "run"),
    }
    settings = validate(PretrainSettings, values)
    with open_run(place / "run", settings):
        run_pretraining(settings, place / "run")
    return place / "run"


def measured(run: Path) -> dict[int, dict[str, float]]:
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {entry["step"]: entry for entry in entries if entry["kind"] == "validation"}


def test_gives_the_vectors_of_the_run_without_its_soft_max(run: Path, tmp_path: Path) -> None:
    written = export_model(run, tmp_path / "out", SENTENCES)
    source, loaded = (ElmoEmbedder.from_pretrained(path, device="cpu") for path in (run, tmp_path / "out"))
    found = vector_difference(source, loaded, SENTENCES)
    assert 0 < found.mean <= found.largest < 2e-3
    assert written.difference == found
    assert (loaded.model.config.softmax, loaded.model.config.softmax_clusters) == ("none", None)
    assert not [name for name in loaded.model.state_dict() if "softmax" in name]
    assert {parameter.dtype for parameter in loaded.parameters()} == {torch.float32}
    assert loaded.tokenizer.fingerprint == source.tokenizer.fingerprint
    stored = load_file(tmp_path / "out" / "model.safetensors")
    assert {tensor.dtype for tensor in stored.values() if tensor.ndim > 1} == {torch.float16}
    assert {tensor.dtype for tensor in stored.values() if tensor.ndim == 1} == {torch.float32}
    assert written.parameters == sum(tensor.numel() for tensor in stored.values())
    assert written.bytes == (tmp_path / "out" / "model.safetensors").stat().st_size


def test_words_are_cleaned_as_the_corpus_was(run: Path, tmp_path: Path) -> None:
    older = shutil.copytree(run, tmp_path / "older")
    settings_file = older / "model" / "tokenizer_settings.json"
    values = json.loads(settings_file.read_text())
    assert values.pop("fix_unicode") is True
    settings_file.write_text(json.dumps(values))  # as runs were before it was written down
    (older / "model" / "checksums.json").unlink()
    for number, source in enumerate((run, older)):
        export_model(source, tmp_path / f"{number}", SENTENCES)
        loaded = ElmoEmbedder.from_pretrained(tmp_path / f"{number}", device="cpu")
        np.testing.assert_array_equal(loaded([["ﬂag\ufe0f"]])[0], loaded([["flag"]])[0])
    assert ElmoEmbedder.from_pretrained(older, device="cpu").tokenizer.fix_unicode is None


def test_fp32_keeps_every_bit(run: Path, tmp_path: Path) -> None:
    export_model(run, tmp_path / "out", SENTENCES, "fp32")
    source, loaded = (ElmoEmbedder.from_pretrained(path, device="cpu") for path in (run, tmp_path / "out"))
    for one, other in zip(source(SENTENCES), loaded(SENTENCES), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_same_run_gives_the_same_files(run: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        export_model(run, tmp_path / name, SENTENCES)
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "other" / path.name).read_bytes()


def test_provenance(run: Path, tmp_path: Path) -> None:
    (tmp_path / "reviews.txt").write_text("\n".join(TEXT[:5]))
    written = export_model(run, tmp_path / "out", SENTENCES, texts=[tmp_path / "reviews.txt"], facts={"command": "it"})
    content = read_provenance(tmp_path / "out")
    assert content is not None and content["command"] == "it"
    best = min(measured(run).values(), key=lambda entry: entry["loss"])
    assert (content["steps"], content["validation"]["loss"]) == (best["step"], best["loss"])
    assert content["validation"].keys() >= {"forward_perplexity", "backward_perplexity", "backward_bits_per_character"}
    (digest,) = (path.name for path in (run.parent / "corpus").iterdir() if path.is_dir())
    assert content["corpus"]["digest"].startswith(digest) and content["corpus"]["train"]["tokens"] > 0
    assert content["recipe"]["training"]["max_steps"] == 6
    assert content["recipe"]["corpus"]["sources"][0]["paths"] == ["text.txt"]
    assert str(run.parent) not in (tmp_path / "out" / "provenance.json").read_text()
    # Scores are of the rounded weights: near those of the run, and not the same.
    (of_run,) = score_files(run, [tmp_path / "reviews.txt"]).values()
    score = written.scores["reviews"]
    assert content["validation_by_text"] == {"reviews": score.as_dict()}
    assert score.forward_perplexity == pytest.approx(of_run.forward_perplexity, rel=1e-3)
    assert score != of_run


def test_a_checkpoint_of_choice(run: Path, tmp_path: Path) -> None:
    export_model(run, tmp_path / "out", SENTENCES, "fp32", step=3)
    content = read_provenance(tmp_path / "out")
    assert content is not None and content["steps"] == 3
    assert content["validation"]["loss"] == measured(run)[3]["loss"]
    whole = BiXLSTM.from_pretrained(run / "checkpoints" / "step-00000003" / "model").state_dict()
    for name, tensor in BiXLSTM.from_pretrained(tmp_path / "out").state_dict().items():
        assert torch.equal(tensor, whole[name])


def test_a_corpus_that_is_gone_or_another_is_not_named(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    values = json.loads((copy / "config.json").read_text())
    values["corpus"]["sources"][0]["repeat"] = 2
    (copy / "config.json").write_text(json.dumps(values))
    export_model(copy, tmp_path / "out", SENTENCES)
    content = read_provenance(tmp_path / "out")
    assert content is not None and content["corpus"] is None


def test_what_cannot_be_exported(run: Path, tmp_path: Path, model_directory: Path) -> None:
    def refused(message: str, source: Path, step: int | None = None) -> None:
        with pytest.raises(UserError, match=message):
            export_model(source, tmp_path / "out", SENTENCES, step=step)
        assert not (tmp_path / "out").exists()

    refused("none: no pretraining run there", tmp_path / "none")
    refused("no pretraining run there", model_directory)  # has a config.json of another kind
    refused(r"run: has no checkpoint of step 4 \(there are: 3, 6\)", run, step=4)
    unfinished = shutil.copytree(run, tmp_path / "unfinished", ignore=shutil.ignore_patterns("model.safetensors"))
    refused(r"has no model/ yet.*--step \(there are: 3, 6\)", unfinished)


def test_weights_that_the_format_cannot_hold(run: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(run, tmp_path / "run")
    model = BiXLSTM.from_pretrained(copy / "model")
    with torch.no_grad():
        model.token_embedding.weight[5, 3] = 1e5
    save_model(model, Tokenizer.load(copy / "model"), copy / "model")
    with pytest.raises(UserError, match="token_embedding.weight: has weights that fp16 cannot hold; .*fp32"):
        export_model(copy, tmp_path / "out", SENTENCES)
    assert not (tmp_path / "out").exists()
    export_model(copy, tmp_path / "out", SENTENCES, "fp32")


def test_replaces_a_model_if_asked_and_nothing_else(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "out"
    target.mkdir()
    export_model(run, target, SENTENCES)  # over an empty directory
    with pytest.raises(UserError, match="out: is there already; replace it with --force"):
        export_model(run, target, SENTENCES, "fp32")
    assert read_provenance(target)["weights"]["storage"] == "fp16"  # type: ignore[index]
    export_model(run, target, SENTENCES, "fp32", force=True)
    assert read_provenance(target)["weights"]["storage"] == "fp32"  # type: ignore[index]


@pytest.mark.parametrize("there", ["photos", "Hugging Face model", "pretrained model"])
def test_replaces_nothing_that_export_did_not_write(run: Path, tmp_path: Path, there: str) -> None:
    target = tmp_path / "out"
    if there == "pretrained model":
        shutil.copytree(run / "model", target)
    else:
        target.mkdir()
        (target / "mine.jpg").touch()
        if there == "Hugging Face model":
            (target / "model.safetensors").touch()
    before = {path.name: path.read_bytes() for path in target.iterdir()}
    with pytest.raises(UserError, match="out: is no model that export wrote .* not replaced, not with --force"):
        export_model(run, target, SENTENCES, force=True)
    assert {path.name: path.read_bytes() for path in target.iterdir()} == before


def test_keeps_what_others_put_beside_a_model(run: Path, tmp_path: Path) -> None:
    export_model(run, tmp_path / "out", SENTENCES)
    (tmp_path / "out" / "deep").mkdir()
    for name in ("README.md", "deep/thesis.tex"):
        (tmp_path / "out" / name).write_text("mine")
    export_model(run, tmp_path / "out", SENTENCES, "fp32", force=True)
    assert all((tmp_path / "out" / name).read_text() == "mine" for name in ("README.md", "deep/thesis.tex"))
    assert not find_damage(tmp_path / "out") and read_provenance(tmp_path / "out")["weights"]["storage"] == "fp32"  # type: ignore[index]


@pytest.mark.parametrize(
    "name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_settings.json", "provenance.json"]
)
def test_one_changed_byte_is_refused_and_named(name: str, run: Path, tmp_path: Path) -> None:
    export_model(run, tmp_path / "out", SENTENCES)
    path = tmp_path / "out" / name
    content = bytearray(path.read_bytes())
    content[-1 - (name == "tokenizer.json")] ^= 1  # of a weight: the file still is a safetensors file
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"the model is damaged: {path}: its content is not what was written"):
        ElmoEmbedder.from_pretrained(tmp_path / "out", device="cpu")


def test_what_needs_the_soft_max_says_so(run: Path, tmp_path: Path) -> None:
    export_model(run, tmp_path / "out", SENTENCES)
    message = rf"^{tmp_path / 'out'}: was exported for embedding, without its soft-max weights"
    with pytest.raises(UserError, match=message):
        score_files(tmp_path / "out", [tmp_path / "never read.txt"])
    model = BiXLSTM.from_pretrained(tmp_path / "out")
    with pytest.raises(UserError, match=message):
        model(torch.tensor([[1, 2, 3]]))
    assert len(model.encode(torch.tensor([[1, 2, 3]]))) == 2


def test_an_embedder_that_is_saved_again_is_whole(run: Path, tmp_path: Path) -> None:
    export_model(run, tmp_path / "out", SENTENCES)
    embedder = ElmoEmbedder.from_pretrained(tmp_path / "out", device="cpu")
    embedder.save(tmp_path / "out")
    assert ElmoEmbedder.from_pretrained(tmp_path / "out", device="cpu").fingerprint == embedder.fingerprint


def test_difference_is_a_share_of_the_vectors_length(model_directory: Path) -> None:
    one, other = (ElmoEmbedder.from_pretrained(model_directory, device="cpu") for _ in range(2))
    assert vector_difference(one, other, SENTENCES).largest == 0
    with torch.no_grad():
        other.model.token_embedding.weight.mul_(1.25)
    found = vector_difference(one, other, [["Siti"]])
    assert found.largest >= 0.25 - 1e-6  # the token layer's is 1.25 times as long
    with torch.no_grad():
        other.model.token_embedding.weight.mul_(0.8)
    assert vector_difference(one, other, SENTENCES).largest < 1e-4


def test_the_command(run: Path, tmp_path: Path) -> None:
    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(cli.app, ["export", *arguments])
        if result.exception is not None:
            raise result.exception
        return result.output

    (tmp_path / "news.txt").write_text("\n".join(TEXT[:5]))
    out = str(tmp_path / "out")
    printed = invoke(str(run), out, "--format", "fp32", "--step", "6", "--score", str(tmp_path / "news.txt"))
    for part in ("MB in fp32", "word vectors of the sample: 0.000 % off at most", "news, forward perplexity: ", out):
        assert part in printed
    content = read_provenance(tmp_path / "out")
    assert content is not None and content["versions"]["torch"] == torch.__version__
    with pytest.raises(UserError, match="--format int4: expected int8 or fp16 or fp32"):
        invoke(str(run), out, "--format", "int4")


def test_int8_keeps_rows_to_half_a_step(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_directory, "SMALLEST", 1)
    export_model(run, tmp_path / "out", SENTENCES, "int8")
    stored = load_file(tmp_path / "out" / "model.safetensors")
    loaded = BiXLSTM.from_pretrained(tmp_path / "out").state_dict()
    whole = BiXLSTM.from_pretrained(run / "model").state_dict()
    assert stored["token_embedding.weight"].dtype == torch.int8
    for name, weight in loaded.items():
        assert weight.dtype == torch.float32
        step = stored[f"{name}.row_scale"] if f"{name}.row_scale" in stored else 1e-3 * whole[name].abs() + 1e-7
        assert bool(((weight - whole[name]).abs() <= 0.5001 * step + 1e-9).all()), name
    words = ElmoEmbedder.from_pretrained(tmp_path / "out", device="cpu")(SENTENCES)
    assert all(np.isfinite(vectors).all() for vectors in words)


def test_small_matrices_are_not_stored_in_int8(run: Path, tmp_path: Path) -> None:
    export_model(run, tmp_path / "out", SENTENCES, "int8")
    assert torch.int8 not in {tensor.dtype for tensor in load_file(tmp_path / "out" / "model.safetensors").values()}
