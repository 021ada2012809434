"""The wheel: one name in site-packages, complete, and working from anywhere."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from elmo_xlstm.pretrained import BUNDLED

ROOT = Path(__file__).parents[1]
BUILD = "import sys; from setuptools.build_meta import build_wheel; print(build_wheel(sys.argv[1]))"
HOSTILE = "import os\nos.write(2, b'RAN')\nos._exit(99)\n"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("setuptools", minversion="77")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in ("elmo_xlstm", "tasks", "experiments"):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE", "cli.py"):
        shutil.copyfile(ROOT / name, source / name)
    done = subprocess.run(
        [sys.executable, "-c", BUILD, str(target)], cwd=source, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    (built,) = target.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pip would make of it: the files, and the command beside them."""
    directory = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(directory / "packages")
    (directory / "bin").mkdir()
    (directory / "bin" / "elmo-xlstm").write_text("from elmo_xlstm.cli import main\nmain()\n")
    return directory


def run(site: Path, directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(site / "packages")}
    environment.pop("PYTHONSAFEPATH", None)
    command = [sys.executable, str(site / "bin" / "elmo-xlstm"), *arguments]
    return subprocess.run(command, cwd=directory, env=environment, capture_output=True, text=True, check=False)


def test_one_name_and_all_files(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"elmo_xlstm"}
    for top in ("elmo_xlstm/pretrained", "tasks", "experiments"):
        found = (path for path in (ROOT / top).rglob("*") if path.is_file() and path.suffix != ".md")
        files = [path for path in found if "__pycache__" not in path.parts]
        prefix = "" if top.startswith("elmo_xlstm") else "elmo_xlstm/"
        assert {f"{prefix}{path.relative_to(ROOT).as_posix()}" for path in files} <= set(names)
    assert BUNDLED


def test_modules_of_the_working_directory_do_not_matter(site: Path, tmp_path: Path) -> None:
    for name in ("tasks", "cli", "elmo_xlstm", "experiments"):
        (tmp_path / f"{name}.py").write_text(HOSTILE)
    done = run(site, tmp_path, "schema", "finetune")
    assert done.returncode == 0 and "RAN" not in done.stderr, done.stderr


def test_experiments_and_the_sample_are_found_by_name(site: Path, tmp_path: Path) -> None:
    done = run(site, tmp_path, "finetune", "quickstart_ner", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["configuration"]["task"]["type"] == "tagging"
    (tmp_path / "mine.jsonnet").write_text("(import 'elmo-xlstm/own_ner.jsonnet') + { output: 'here' }")
    done = run(site, tmp_path, "finetune", "mine.jsonnet", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["configuration"]["output"] == "here"


def test_a_carried_head_answers_at_once(site: Path, tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("Makanannya enak sekali, pelayanannya ramah.\n")
    done = run(site, tmp_path, "predict", "sentiment", "in.txt")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["label"] == "positive"


def test_messages_name_the_installed_command(site: Path, tmp_path: Path) -> None:
    done = run(site, tmp_path, "finetune", "nerq")
    assert done.returncode == 1 and "nerq" in done.stderr
