from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.text.sources.huggingface import HuggingFaceSource


class _Datasets:
    """Stands in for the library: its own reading is not what is tested here."""

    def __init__(self, rows: list[dict[str, Any]], fails_after: int | None = None) -> None:
        self.rows, self.fails_after = rows, fails_after
        self.calls: list[tuple[Any, ...]] = []

    def load_dataset(self, name: str, config: str | None, **settings: Any) -> Iterator[dict[str, Any]]:
        self.calls.append((name, config, settings))
        if self.fails_after == 0:
            raise ConnectionError("Couldn't reach 'x/y' on the Hub\nmore detail")
        return self._rows()

    def _rows(self) -> Iterator[dict[str, Any]]:
        for index, row in enumerate(self.rows):
            if index == self.fails_after:
                raise TimeoutError("read timed out")
            yield row


def install(monkeypatch: pytest.MonkeyPatch, datasets: _Datasets) -> None:
    monkeypatch.setitem(sys.modules, "datasets", datasets)  # type: ignore[arg-type]


def test_rows_become_documents_and_settings_reach_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = _Datasets([{"isi": "satu", "id": 1}, {"isi": "dua", "id": 2}])
    install(monkeypatch, datasets)
    config = HuggingFaceSource.Config(name="x/y", config_name="id", text_field="isi", revision="abc", split="test")
    documents = list(config.build())
    assert [(document.text, document.origin) for document in documents] == [
        ("satu", "x/y/id/test, row 1"),
        ("dua", "x/y/id/test, row 2"),
    ]
    assert datasets.calls == [("x/y", "id", {"split": "test", "streaming": True, "revision": "abc"})]


def test_unreachable_hub_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, _Datasets([], fails_after=0))
    with pytest.raises(UserError, match=r"x/y/train: cannot be read \(ConnectionError.*'local' or") as caught:
        list(HuggingFaceSource.Config(name="x/y").build())
    assert "\n" not in str(caught.value)


def test_broken_connection_says_how_far_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, _Datasets([{"text": "a"}, {"text": "b"}, {"text": "c"}], fails_after=2))
    with pytest.raises(UserError, match=r"after row 2 \(TimeoutError: read timed out\)"):
        list(HuggingFaceSource.Config(name="x/y").build())


@pytest.mark.parametrize("row", [{"isi": "a"}, {"text": None}])
def test_missing_text_column_names_the_columns(monkeypatch: pytest.MonkeyPatch, row: dict[str, Any]) -> None:
    install(monkeypatch, _Datasets([row]))
    with pytest.raises(UserError, match=rf"row 1: expected a string in 'text', found the columns {next(iter(row))}"):
        list(HuggingFaceSource.Config(name="x/y").build())


def test_stopping_early_raises_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, _Datasets([{"text": "a"}, {"text": "b"}]))
    iterator = iter(HuggingFaceSource.Config(name="x/y").build())
    assert next(iterator).text == "a"
    iterator.close()  # type: ignore[attr-defined]


def test_fingerprint_tells_revisions_apart_and_not_the_way_of_reading(tmp_path) -> None:
    def fingerprint(**values: Any) -> dict[str, Any]:
        return HuggingFaceSource.Config(**{"name": "x/y", **values}).build().fingerprint()

    assert fingerprint() == fingerprint(streaming=False)
    assert fingerprint() != fingerprint(revision="abc")
    assert fingerprint() != fingerprint(config_name="id")
    (tmp_path / "a.jsonl").write_text("{}")
    before = fingerprint(name=str(tmp_path))
    (tmp_path / "a.jsonl").write_text("{1")
    assert fingerprint(name=str(tmp_path)) != before
