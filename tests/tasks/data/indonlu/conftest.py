"""A tiny benchmark: one tagging task, its files made here, in place of the real table."""

from __future__ import annotations

import hashlib

import pytest

from elmo_xlstm.tasks.data import indonlu
from elmo_xlstm.tasks.data.indonlu import Dataset
from elmo_xlstm.tasks.data.repository import DataFile

CONTENT = {
    "train": "budi\tB-PPL\nlari\tO\n\nia\tO\n\nia\tI-PPL\n",
    "valid": "di\tO\nsini\tO\n",
    "test": "ani\tB-PPL\n\nkerja sama\tO\n",
}
ROWS = {"train": 3, "valid": 1, "test": 2}


@pytest.fixture
def declare(monkeypatch):
    """Put a task of the given contents into the table."""

    def declare(content=CONTENT, rows=ROWS, **values):
        files = {
            split: DataFile(f"tiny/{split}.txt", rows[split], hashlib.sha256(text.encode()).hexdigest())
            for split, text in content.items()
        }
        values = {"kind": "tagging", "labels": ("O", "B-PPL", "I-PPL")} | values
        monkeypatch.setitem(indonlu.DATASETS, "tiny", Dataset(name="tiny", files=files, **values))

    return declare


@pytest.fixture
def put(tmp_path):
    """Write the files of the task below a directory."""

    def put(content=CONTENT):
        directory = tmp_path / "dataset"
        (directory / "tiny").mkdir(parents=True, exist_ok=True)
        for split, text in content.items():
            (directory / "tiny" / f"{split}.txt").write_bytes(text.encode())
        return directory

    return put


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch, tmp_path):
    monkeypatch.delenv("ELMO_XLSTM_INDONLU", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("ELMO_XLSTM_CACHE", str(tmp_path / "cache"))
