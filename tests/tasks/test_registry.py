from __future__ import annotations

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.registry import register_tasks, tasks


def test_all_kinds_are_registered() -> None:
    register_tasks()
    register_tasks()  # again, as commands in one process do
    assert "tagging" in list(tasks)


def test_own_modules(tmp_path, monkeypatch) -> None:
    (tmp_path / "a_module_of_my_own.py").write_text("import nowhere_to_be_found\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match="--include-package a_module_of_my_own: cannot be imported: .*nowhere_to_be"):
        register_tasks(["a_module_of_my_own"])
    with pytest.raises(UserError, match="--include-package missing_module: cannot be imported"):
        register_tasks(["missing_module"])
