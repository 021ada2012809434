"""How files are fetched and verified is tested with the repository (tests/tasks/test_repository.py)."""

from __future__ import annotations

import pytest

from elmo_xlstm.errors import UserError
from tasks.indonlu.datasets import DATASETS
from tasks.indonlu.fetch import DIRECTORY_VARIABLE, REPOSITORY, DataLocation, locate


def test_the_commit_is_pinned_in_full() -> None:
    assert len(REPOSITORY.commit) == 40
    address = REPOSITORY.url(DATASETS["nerp"].files["test"])
    assert address == (
        f"https://raw.githubusercontent.com/IndoNLP/indonlu/{REPOSITORY.commit}/dataset/"
        "nerp_ner-prosa/test_preprocess.txt"
    )


def test_the_setting_goes_before_the_environment(declare, put, monkeypatch, tmp_path) -> None:
    declare()
    directory = put()
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(directory))
    assert locate("tiny", "train") == directory / "tiny/train.txt"
    with pytest.raises(UserError, match=r"elsewhere/tiny/train.txt: no such file; data_dir should"):
        locate("tiny", "train", DataLocation(data_dir=tmp_path / "elsewhere"))
    monkeypatch.setenv(DIRECTORY_VARIABLE, str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"nowhere/tiny/train.txt: no such file; \$ELMO_XLSTM_INDONLU should"):
        locate("tiny", "train", DataLocation())


def test_another_content_is_refused(declare, put) -> None:
    declare()
    directory = put()
    path = directory / "tiny/test.txt"
    path.write_bytes(path.read_bytes().replace(b"B-PPL", b"O"))
    with pytest.raises(UserError, match=r"tiny/test.txt: not IndoNLU's file \(commit ce728f6\)"):
        locate("tiny", "test", DataLocation(data_dir=directory))


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UserError, match="no IndoNLU data set"):
        locate("none", "train")
