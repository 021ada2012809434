"""The model that the package carries: that it is whole, and that an installed package finds it."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

import elmo_xlstm.pretrained
from elmo_xlstm import BiXLSTM, ElmoEmbedder, UserError
from elmo_xlstm.embedding import EmbedderSettings
from elmo_xlstm.lm.model_directory import find_model, read_provenance, verify_files
from elmo_xlstm.pretrained import BUNDLED, DEFAULT_MODEL, bundled_model

ROOT = Path(__file__).parents[2]
FILES = {
    "checksums.json",
    "config.json",
    "model.safetensors",
    "provenance.json",
    "tokenizer.json",
    "tokenizer_settings.json",
}
MOST_BYTES = 24_000_000
# What a wheel's build needs beside the bundled models.
BUILD_FILES = ["pyproject.toml", "README.md", "LICENSE", "elmo_xlstm/__init__.py", "elmo_xlstm/pretrained/__init__.py"]


@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_is_whole_and_small(name: str) -> None:
    directory = bundled_model(name)
    assert {path.name for path in directory.iterdir()} == FILES
    assert sum(path.stat().st_size for path in directory.iterdir()) <= MOST_BYTES
    verify_files(directory)
    provenance = read_provenance(directory)
    assert provenance is not None
    listed = json.loads((directory / "checksums.json").read_text(encoding="utf-8"))["files"]
    assert listed.keys() == FILES - {"checksums.json"}
    assert provenance["steps"] > 0 and provenance["recipe"]["training"] and provenance["corpus"]["digest"]
    assert provenance["weights"]["relative_difference_of_word_vectors"]["largest"] < 0.05
    assert all(path.stat().st_mode & stat.S_IRGRP for path in directory.iterdir())


@pytest.mark.parametrize("name", sorted(BUNDLED))
def test_provenance_names_no_place_on_a_machine(name: str) -> None:
    def strings(value: object) -> list[str]:
        if isinstance(value, dict):
            return [text for entry in value.values() for text in strings(entry)]
        if isinstance(value, list):
            return [text for entry in value for text in strings(entry)]
        return [value] if isinstance(value, str) else []

    found = strings(json.loads((bundled_model(name) / "provenance.json").read_text(encoding="utf-8")))
    assert len(found) > 20
    assert [text for text in found if text.startswith(("/", "~")) or " /" in text] == []


def test_is_what_is_read_if_nothing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / DEFAULT_MODEL).mkdir()  # a directory of that name is another: ./small
    (tmp_path / DEFAULT_MODEL / "model.safetensors").touch()
    assert find_model(DEFAULT_MODEL) == bundled_model() != find_model(f"./{DEFAULT_MODEL}")
    assert EmbedderSettings().model == DEFAULT_MODEL
    unnamed = ElmoEmbedder.from_pretrained(device="cpu")
    assert unnamed.fingerprint == EmbedderSettings(model=DEFAULT_MODEL).build().to("cpu").fingerprint
    [vectors] = unnamed([["Presiden", "tiba", "di", "Surabaya"]])
    assert vectors.shape == (4, unnamed.num_layers, unnamed.dim) and vectors.dtype == np.float32
    assert np.isfinite(vectors).all() and all(p.dtype.is_floating_point for p in unnamed.parameters())


def test_says_what_it_cannot_do() -> None:
    model = BiXLSTM.from_pretrained(bundled_model())
    with pytest.raises(UserError, match="exported for embedding, without its soft-max weights"):
        model.softmax_weights()


def test_an_installation_without_it_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elmo_xlstm.pretrained.importlib.resources, "files", lambda package: tmp_path)
    with pytest.raises(UserError, match=r"lacks the bundled model 'small' \(.*missing\).*embedder.model=DIRECTORY"):
        ElmoEmbedder.from_pretrained()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the project's settings and as few of its files as a build needs."""
    pytest.importorskip("setuptools", minversion="77")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in BUILD_FILES:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    (source / "cli.py").touch()
    for name in BUNDLED:
        shutil.copytree(ROOT / "elmo_xlstm" / "pretrained" / name, source / "elmo_xlstm" / "pretrained" / name)
    build = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", build, str(target)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = target.glob("*.whl")
    return built


def test_a_wheel_contains_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert names >= {f"elmo_xlstm/pretrained/{name}/{file}" for name in BUNDLED for file in FILES}


def test_an_installed_package_finds_its_own(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    for name in ("errors.py", "machine.py"):  # what the wheel was built without, and finding a model imports
        shutil.copyfile(ROOT / "elmo_xlstm" / name, site / "elmo_xlstm" / name)
    code = "from elmo_xlstm.pretrained import bundled_model; print(bundled_model())"
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTHONSAFEPATH": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert Path(done.stdout.strip()) == site / "elmo_xlstm" / "pretrained" / DEFAULT_MODEL
