from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.numpy import load_file

from elmo_xlstm.embedding.vector_files import FORMATS, TextRow, VectorSettings, parts, write_vectors
from elmo_xlstm.errors import UserError
from elmo_xlstm.sharding import Shard

ROOT = Path(__file__).parents[3]
RANDOM = random.Random(3)
WORDS = ["Siti", "Budi", "tiba", "di", "Surabaya", "pagi", "rumah", "xyz"]
TEXTS = [" ".join(RANDOM.choices(WORDS, k=RANDOM.randrange(9))) for _ in range(11)] + ["Siti tiba"]
ROWS = [TextRow(index, text, text.split()) for index, text in enumerate(TEXTS)]
SUFFIXES = sorted({suffix for suffix in FORMATS if suffix != ".h5"})


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 3)


@pytest.fixture
def expected(embedder) -> list[np.ndarray]:
    """(words, layers, dim) of each text."""
    return embedder([row.words for row in ROWS])


def test_hdf5_has_the_layout_of_the_original_command(embedder, expected, tmp_path) -> None:
    h5py = pytest.importorskip("h5py")
    for layer, chosen in (
        ("all", [layers.transpose(1, 0, 2) for layers in expected]),
        (-1, [layers[:, -1] for layers in expected]),
        ("mean", [layers.mean(axis=1) for layers in expected]),
    ):
        assert write_vectors(embedder, ROWS, tmp_path / "v.h5", VectorSettings(layer=layer)) == len(ROWS)
        with h5py.File(tmp_path / "v.h5") as file:
            keys = json.loads(file["sentence_to_index"][0])
            assert set(file) == {*map(str, range(len(ROWS))), "sentence_to_index"}
            assert file["sentence_to_index"].shape == (1,)
            for row, vectors in zip(ROWS, chosen, strict=True):
                assert TEXTS[int(keys[row.text])] == row.text
                assert file[str(row.index)].dtype == np.float32
                np.testing.assert_allclose(file[str(row.index)][()], vectors, atol=1e-5)
    write_vectors(embedder, ROWS, tmp_path / "v.h5", VectorSettings("mean", forget_sentences=True))
    with h5py.File(tmp_path / "v.h5") as file:
        assert "sentence_to_index" not in file and file["0"].shape == (32,)


@pytest.mark.parametrize("pool", ["words", "mean"])
@pytest.mark.parametrize("layer", ["all", 1])
def test_safetensors(embedder, pool, layer, tmp_path) -> None:
    write_vectors(embedder, ROWS, tmp_path / "v.safetensors", VectorSettings(pool, layer))
    found, expected = load_file(tmp_path / "v.safetensors"), embedder.encode([row.words for row in ROWS], pool, layer)
    assert found["index"].tolist() == list(range(len(ROWS)))
    vectors = np.split(found["vectors"], found["starts"][1:-1]) if pool == "words" else found["vectors"]
    for one, other in zip(vectors, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("pool", ["words", "max"])
@pytest.mark.parametrize("layer", ["all", 1])
def test_parquet(embedder, pool, layer, tmp_path) -> None:
    write_vectors(embedder, ROWS, tmp_path / "v.parquet", VectorSettings(pool, layer))
    rows = pq.read_table(tmp_path / "v.parquet").to_pylist()
    expected = embedder.encode([row.words for row in ROWS], pool, layer)
    assert [(row["index"], row["text"]) for row in rows] == [(row.index, row.text) for row in ROWS]
    for row, read, vectors in zip(ROWS, rows, expected, strict=True):
        found = np.array(read["vectors" if pool == "words" else "vector"], np.float32).reshape(vectors.shape)
        np.testing.assert_allclose(found, vectors, atol=1e-5)
        assert pool != "words" or read["words"] == row.words


class Killed(BaseException):
    """No handler of ours may take it for an error to be mended."""


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("after", [0, 2, 4])
def test_resumed_files_have_the_same_bytes(embedder, suffix, after, tmp_path, monkeypatch) -> None:
    whole, resumed = tmp_path / f"whole{suffix}", tmp_path / f"resumed{suffix}"
    write_vectors(embedder, ROWS, whole, VectorSettings())
    written = []

    def write(self, number, part, original=parts.Parts.write) -> None:
        if len(written) == after:
            raise Killed
        written.append(number)
        original(self, number, part)

    def refuse(*_) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(parts.Parts, "write", write)
        patch.setitem(FORMATS, suffix, refuse)  # killed while the parts are put together, if not before
        with pytest.raises(Killed):
            write_vectors(embedder, ROWS, resumed, VectorSettings())
    assert not resumed.exists()
    with pytest.raises(UserError, match="--resume"):
        write_vectors(embedder, ROWS, resumed, VectorSettings())
    with monkeypatch.context() as patch:
        patch.setattr(parts.Parts, "write", lambda *a, original=parts.Parts.write: written.append(original(*a)))
        write_vectors(embedder, ROWS, resumed, VectorSettings(), resume=True)
    assert resumed.read_bytes() == whole.read_bytes()
    assert len(written) == 4, "parts that were there were not computed again"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([whole.name, resumed.name])


def test_other_options_or_texts_are_not_mixed(embedder, tmp_path, monkeypatch) -> None:
    output = tmp_path / "v.safetensors"
    with monkeypatch.context() as patch:
        patch.setitem(FORMATS, ".safetensors", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write_vectors(embedder, ROWS, output, VectorSettings())
    with pytest.raises(UserError, match="other options"):
        write_vectors(embedder, ROWS, output, VectorSettings("mean"), resume=True)
    with pytest.raises(UserError, match="other texts"):
        write_vectors(embedder, ROWS[::-1], output, VectorSettings(), resume=True)
    write_vectors(embedder, ROWS[::-1], output, VectorSettings(), force=True)
    assert load_file(output)["index"].tolist() == list(range(len(ROWS)))[::-1]


def test_shards_are_together_what_one_process_writes(embedder, tmp_path) -> None:
    write_vectors(embedder, ROWS, tmp_path / "all.safetensors", VectorSettings("mean"))
    whole = load_file(tmp_path / "all.safetensors")["vectors"]
    seen = []
    for number in (1, 2, 3):
        write_vectors(embedder, ROWS, tmp_path / "part.safetensors", VectorSettings("mean", shard=Shard(number, 3)))
        part = load_file(tmp_path / "part.safetensors")
        seen += part["index"].tolist()
        np.testing.assert_allclose(part["vectors"], whole[part["index"]], atol=1e-5)
    assert sorted(seen) == list(range(len(ROWS)))


def test_refusals(embedder, tmp_path) -> None:
    with pytest.raises(UserError, match="ends in"):
        write_vectors(embedder, ROWS, tmp_path / "v.npy", VectorSettings())
    with pytest.raises(UserError, match="no directory"):
        write_vectors(embedder, ROWS, tmp_path / "a" / "v.parquet", VectorSettings())
    with pytest.raises(UserError, match="no text"):
        write_vectors(embedder, [], tmp_path / "v.parquet", VectorSettings())
    with pytest.raises(ValueError, match="layer is"):
        write_vectors(embedder, ROWS, tmp_path / "v.parquet", VectorSettings(layer=7))
    assert list(tmp_path.iterdir()) == []


SCRIPT = """
import os, signal, sys
from elmo_xlstm import cli
from elmo_xlstm.embedding.vector_files import parts

parts.PART_ROWS = 3
if "--resume" not in sys.argv and "killed" in sys.argv[4]:
    write = parts.Parts.write
    parts.Parts.write = lambda s, n, p: write(s, n, p) if n < 2 else os.kill(os.getpid(), signal.SIGKILL)
cli.main()
"""


@pytest.mark.slow
def test_a_killed_command_goes_on_to_the_same_bytes(model_directory, tmp_path) -> None:
    pytest.importorskip("h5py")
    (tmp_path / "in.txt").write_text("\n".join(TEXTS) + "\n")
    (tmp_path / "command.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}

    def run(*more: str) -> int:
        command = [sys.executable, "command.py", "embed", "in.txt", "--output", *more, "--model", str(model_directory)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False).returncode

    assert run("whole.hdf5") == 0
    assert run("killed.hdf5") == -signal.SIGKILL and not (tmp_path / "killed.hdf5").exists()
    assert run("killed.hdf5", "--resume") == 0
    assert (tmp_path / "killed.hdf5").read_bytes() == (tmp_path / "whole.hdf5").read_bytes()
