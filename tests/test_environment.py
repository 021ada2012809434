from __future__ import annotations

import re
import subprocess

import numpy
import torch

from elmo_xlstm import environment
from elmo_xlstm.environment import Hardware, git_commit, hardware, installed_versions


def git(directory, *arguments):
    identity = ["-c", "user.name=n", "-c", "user.email=e@x"]
    subprocess.run(["git", "-C", str(directory), *identity, *arguments], check=True, capture_output=True)


def test_versions_are_those_installed():
    versions = installed_versions()
    assert versions["torch"] == torch.__version__
    assert versions["numpy"] == numpy.__version__
    assert {"python", "elmo_xlstm", "transformers"} <= set(versions)


def test_hardware_says_what_the_run_was_on():
    found = hardware("cpu")
    assert found.device == "cpu"
    assert found.cores >= 1
    assert found.cpu
    assert found.threads == torch.get_num_threads()
    assert Hardware(cpu="x", cores=2, device="cpu").threads is None  # as files of earlier versions have it


def test_the_commit_is_that_of_the_tree_that_tracks_the_code(tmp_path, monkeypatch):
    code = tmp_path / "environment.py"
    code.write_text("x = 1\n")
    monkeypatch.setattr(environment, "__file__", str(code))
    assert git_commit() is None  # no repository at all
    git(tmp_path, "init")
    (tmp_path / "other.py").write_text("y = 1\n")
    git(tmp_path, "add", "other.py")
    git(tmp_path, "commit", "-m", "another project")
    assert git_commit() is None  # a repository that does not track the code
    git(tmp_path, "add", "environment.py")
    git(tmp_path, "commit", "-m", "code")
    assert re.fullmatch("[0-9a-f]{40}", git_commit() or "")
    code.write_text("x = 2\n")
    assert re.fullmatch("[0-9a-f]{40}-dirty", git_commit() or "")


def test_without_git_there_is_no_commit(monkeypatch):
    monkeypatch.setenv("PATH", "")
    assert git_commit() is None
