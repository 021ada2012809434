"""What docs/integrations.md shows runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.integrations.scikit_learn import embedder_of
from elmo_xlstm.tasks.answers import Tag, TaggedText

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")
BLOCKS = {
    block.split()[1].split(".")[0]: block
    for block in re.findall(r"^```python\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
}


class Predictor:
    def predict(self, sentences):
        for words in sentences:
            yield TaggedText("", tuple(Tag("B-PER" if word == "Joko" else "O", 0, 0, word, 1.0) for word in words), ())


@pytest.fixture
def run(tmp_path, model_directory, monkeypatch):
    """Runs the block of a library, with a tiny model in place of the bundled one."""
    read = ElmoEmbedder.from_pretrained

    def tiny(name="small", *arguments, **options):
        return read(model_directory if name == "small" else name, *arguments, **options)

    embedder_of.cache_clear()
    monkeypatch.setattr(ElmoEmbedder, "from_pretrained", tiny)
    monkeypatch.chdir(tmp_path)

    def run(library: str) -> dict[str, Any]:
        pytest.importorskip(library)
        names: dict[str, Any] = {"__name__": "guide"}
        exec(compile(BLOCKS[library], library, "exec"), names)
        return names

    yield run
    embedder_of.cache_clear()


def test_every_block_has_a_test() -> None:
    assert set(BLOCKS) == {"sklearn", "sentence_transformers", "spacy", "datasets", "ray"}
    assert all(len([line for line in block.splitlines() if line.strip()]) <= 12 for block in BLOCKS.values())


def test_scikit_learn(run) -> None:
    assert run("sklearn")["search"].predict(["Kopinya enak."]).shape == (1,)


def test_sentence_transformers(run) -> None:
    assert run("sentence_transformers")["vectors"].shape == (2, 32)


def test_spacy(run, monkeypatch) -> None:
    pytest.importorskip("spacy")
    monkeypatch.setattr("elmo_xlstm.integrations.spacy.load", lambda name: Predictor())
    doc = run("spacy")["doc"]
    assert [(entity.text, entity.label_) for entity in doc.ents] == [("Joko", "PER")] and doc.vector.shape == (32,)


@pytest.mark.slow
def test_datasets_with_several_processes(run, embedder) -> None:
    found = run("datasets")
    np.testing.assert_allclose(found["vectors"]["vector"], embedder.encode(found["texts"]["text"]), atol=1e-5)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_ray_data(tmp_path, monkeypatch) -> None:
    """Actors are other processes, which read the bundled model."""
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    ray.init(
        num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": str(ROOT)}}
    )
    try:
        names: dict[str, Any] = {"__name__": "guide"}
        exec(compile(BLOCKS["ray"], "ray", "exec"), names)
        rows = sorted(names["rows"], key=lambda row: row["text"])
        expected = ElmoEmbedder.from_pretrained(device="cpu").encode([row["text"] for row in rows])
        np.testing.assert_allclose([row["vector"] for row in rows], expected, atol=1e-4)
    finally:
        ray.shutdown()
