from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from elmo_xlstm.embedding import ElmoEmbedder, ScalarMix
from elmo_xlstm.errors import UserError
from elmo_xlstm.export.graph import StoredRows, masked_parallel_form
from elmo_xlstm.export.onnx_files import export_embedder, export_head
from elmo_xlstm.lm.backbones.mlstm.cell import mlstm
from elmo_xlstm.modules import (
    BiLSTM,
    CharCNN,
    Classifier,
    FeatureInputs,
    LabelCollator,
    LabelledExample,
    Sentence,
    Tagger,
    Vocabularies,
    WordCollator,
)
from elmo_xlstm.modules.word_vectors import WordVectors
from elmo_xlstm.runtime.onnx_embedder import OnnxEmbedder
from elmo_xlstm.runtime.onnx_model import OnnxModel
from elmo_xlstm.tasks.onnx_predictor import OnnxPredictor

pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

ROOT = Path(__file__).parents[2]
WORDS = ["Siti", "tiba", "di", "Surabaya", "xyz", ".", "pagi"]
LENGTHS = (1, 2, 3, 7, 40, 300)
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def sentence(length: int, seed: int = 0) -> list[str]:
    return np.random.default_rng((length, seed)).choice(WORDS, length).tolist()


@pytest.fixture(scope="module")
def embedder(model_directory) -> ElmoEmbedder:
    return ElmoEmbedder.from_pretrained(model_directory, device="cpu")


@pytest.fixture(scope="module")
def exported(embedder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("onnx") / "model"
    export_embedder(embedder, directory)
    return directory


def test_the_masked_form_is_the_cell() -> None:
    generator = torch.Generator().manual_seed(5)
    for length in (1, 2, 37):
        vectors = [torch.randn(2, 3, length, 4, generator=generator) for _ in range(3)]
        gates = [10 * torch.randn(2, 3, length, generator=generator) for _ in range(2)]
        expected, _ = mlstm(*vectors, *gates)
        torch.testing.assert_close(masked_parallel_form(*vectors, *gates), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("stored", "kept"),
    [
        (lambda table: (table / table.abs().amax(1, keepdim=True) * 127).round(), torch.int8),
        (torch.Tensor.half, torch.float16),
        (lambda table: table, torch.float32),
    ],
)
def test_tables_are_stored_without_loss(stored, kept) -> None:
    table = stored(torch.randn(600, 32, generator=torch.Generator().manual_seed(1))).float()
    rows = StoredRows(table)
    assert rows.rows.dtype == kept and torch.equal(rows(torch.arange(600)), table)


def test_vectors_are_those_of_torch(embedder, exported) -> None:
    without = OnnxEmbedder(exported)
    assert (without.num_layers, without.dim) == (embedder.num_layers, embedder.dim)
    for batch in [*([sentence(length)] for length in LENGTHS), [sentence(n, n) for n in range(64)]]:
        for found, expected in zip(without(batch), embedder(batch), strict=True):
            assert found.shape == expected.shape
            np.testing.assert_allclose(found, expected, atol=1e-4)
    texts = ["Siti tiba di Surabaya.", "", "Budi"]
    np.testing.assert_allclose(without.encode(texts, "max", -1), embedder.encode(texts, "max", -1), atol=1e-4)


def head_settings(characters: bool, config: type, **settings) -> dict:
    return config(
        mix=ScalarMix.Config(layers=(0, 2)),
        characters=CharCNN.Config(dim=4, filters=6) if characters else None,
        words=WordVectors.Config(dim=5) if characters else None,
        encoder=BiLSTM.Config(hidden_size=6, num_layers=2),
        **settings,
    )


def vocabularies_of(config, rows) -> Vocabularies:
    return config.vocabularies(rows)


def shaken(head: torch.nn.Module) -> torch.nn.Module:
    for parameter in head.parameters():
        parameter.data.add_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(2)), alpha=0.3)
    for module in head.modules():
        if isinstance(module, torch.nn.Embedding) and module.padding_idx is not None:
            module.weight.data[module.padding_idx] = 0.0  # padding stays nothing
    return head.eval()


@pytest.mark.slow
@pytest.mark.parametrize("crf", [True, False])
def test_a_tagger_gives_the_tags_and_probabilities_of_torch(embedder, crf, tmp_path) -> None:
    config = head_settings(crf, Tagger.Config, crf=crf)
    rows = [sentence(length) for length in LENGTHS]
    vocabularies = vocabularies_of(config, rows)
    torch.manual_seed(0)
    head = shaken(config.build(TAGS, FeatureInputs((embedder.num_layers, embedder.dim), vocabularies)))
    settings = {"kind": "tagging", "labels": TAGS, "aspects": (), "lower_case": False}
    export_head(head, embedder, vocabularies, settings, tmp_path / "out")
    model, predictor = OnnxModel(tmp_path / "out"), OnnxPredictor(tmp_path / "out")
    collate = WordCollator(head.scheme, *vocabularies)
    rows += [[*sentence(3), "ü" * 99, "", "🦜"]]
    scores = dict(model.run(rows))
    answers = list(predictor.predict(rows))
    for index, words in enumerate(rows):
        layers = embedder([words])[0].astype(np.float16)
        batch = collate([Sentence(words, None, layers)])
        with torch.no_grad():
            logits = head(batch)
            found = head.probabilities(logits, batch.mask)
            [path] = head.best(logits, batch.mask)
        # Layers are rounded to half precision, where a difference of 1e-6 may be one of 1e-3.
        np.testing.assert_allclose(scores[index][: len(words)], logits[0], atol=5e-3)
        assert [word.tag for word in answers[index].words] == [TAGS[tag] for tag in path]
        assert [word.score for word in answers[index].words] == pytest.approx(found.of_tags(0, path), abs=5e-3)
    text = "Siti tiba di Surabaya."
    answer = predictor.predict(text)
    assert [text[word.start : word.end] for word in answer.words] == [word.text for word in answer.words]
    assert all(text[span.start : span.end] == span.text for span in answer.spans)
    assert predictor.predict("").words == ()


@pytest.mark.slow
@pytest.mark.parametrize("aspects", [(), ("food", "room")])
def test_a_classifier_gives_the_probabilities_of_torch(embedder, aspects, tmp_path) -> None:
    config, labels = head_settings(False, Classifier.Config, hidden_size=4), ("pos", "neg", "none")
    inputs = FeatureInputs((embedder.num_layers, embedder.dim))
    head = shaken(config.build(labels, inputs, **({"num_aspects": len(aspects)} if aspects else {})))
    kind = "aspects" if aspects else "classification"
    settings = {"kind": kind, "labels": labels, "aspects": aspects, "lower_case": True}
    export_head(head, embedder, Vocabularies(), settings, tmp_path / "out")
    predictor = OnnxPredictor(tmp_path / "out")
    rows = [sentence(length) for length in LENGTHS]
    for words, answer in zip(rows, predictor.predict([*rows]), strict=True):
        lower = [word.lower() for word in words]
        layers = embedder([lower])[0].astype(np.float16)
        expected = head.probabilities(LabelCollator(labels)([LabelledExample((Sentence(lower, None, layers),))]))[0]
        found = [aspect.labels for aspect in answer.aspects] if aspects else [answer.labels]
        for row, of in zip(expected, found, strict=True):
            assert {label.label: label.score for label in of} == pytest.approx(
                dict(zip(labels, row.tolist(), strict=True)), abs=1e-4
            )
    assert len(predictor.predict("Siti tiba", top_k=1).labels if not aspects else predictor.aspects) in (1, 2)


SCRIPT = """
import json, sys
from elmo_xlstm.runtime.onnx_embedder import OnnxEmbedder
import elmo_xlstm.tasks.onnx_predictor
vectors = OnnxEmbedder(sys.argv[1]).encode(["Siti tiba di Surabaya."])
heavy = {"torch", "transformers", "pydantic", "datasets", "pandas", "pyarrow", "sklearn", "seqeval", "safetensors"}
print(json.dumps([vectors.tolist(), sorted(heavy & set(sys.modules))]))
"""


def test_nothing_heavy_is_imported(embedder, exported) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", SCRIPT, str(exported)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    vectors, imported = json.loads(done.stdout)
    assert imported == []
    np.testing.assert_allclose(vectors, embedder.encode(["Siti tiba di Surabaya."]), atol=1e-4)


def test_refusals(embedder, exported, tmp_path, monkeypatch) -> None:
    with pytest.raises(UserError, match="no model that export --onnx wrote"):
        OnnxEmbedder(tmp_path)
    with pytest.raises(UserError, match="read it with OnnxEmbedder"):
        OnnxPredictor(exported)
    with pytest.raises(UserError, match="is there already"):
        export_embedder(embedder, exported)
    (tmp_path / "other").write_text("mine")
    with pytest.raises(UserError, match="no model that export --onnx wrote"):
        export_embedder(embedder, tmp_path, force=True)
    with pytest.raises(UserError, match="4,096"):
        OnnxEmbedder(exported)([["di"] * 5000])
    with pytest.raises(TypeError, match="lists of words"):
        OnnxEmbedder(exported)(["Siti tiba"])
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(UserError, match=r"pip install 'elmo-xlstm\[onnx\]'"):
        OnnxEmbedder(exported)
