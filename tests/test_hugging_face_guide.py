"""What docs/hugging-face.md shows is what happens."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDE = (Path(__file__).parents[1] / "docs" / "hugging-face.md").read_text(encoding="utf-8")


def test_its_code_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```$", GUIDE, flags=re.MULTILINE | re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(compile(block, "docs/hugging-face.md", "exec"), {})
    shape, layers = capsys.readouterr().out.splitlines()
    assert shape.startswith("torch.Size([2, ") and layers == "3"
    assert (tmp_path / "my-embedder" / "README.md").is_file()
