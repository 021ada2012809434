from __future__ import annotations

import json

import pytest

from elmo_xlstm.errors import UserError
from tasks.readers.predict_input import read_predict_input
from tasks.readers.problems import DataError


def test_plain_text_is_one_sentence_a_line(tmp_path):
    path = tmp_path / "berita.txt"
    path.write_bytes("\ufeffBudi pulang.\r\n\r\nIa tidur".encode())
    sentences = list(read_predict_input(path))
    assert [s.words for s in sentences] == [("Budi", "pulang", "."), ("Ia", "tidur")]
    assert [s.origin for s in sentences] == [f"{path}:1", f"{path}:3"]
    assert all(s.tags is None for s in sentences)


def test_json_lines_hold_words_or_text(tmp_path):
    path = tmp_path / "berita.JSONL"
    rows = [{"words": ["kerja sama", "ini."], "id": 7}, {"text": "Budi pulang."}]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    assert [s.words for s in read_predict_input(path)] == [("kerja sama", "ini."), ("Budi", "pulang", ".")]


BAD_LINES = [
    ("{", "no valid JSON"),
    ("[" * 100_000, "nested too deeply|no valid JSON"),
    ('["a"]', 'expected {"words"'),
    ("{}", 'expected {"words"'),
    ('{"words": ["a"], "text": "a"}', 'expected {"words"'),
    ('{"text": " "}', "'text' must be"),
    ('{"text": 3}', "'text' must be"),
    (r'{"text": "\u200b \ufe0f"}', "holds no word"),
    ('{"words": []}', "'words' must be"),
    ('{"words": "a b"}', "'words' must be"),
    ('{"words": ["a", 3]}', "no word"),
    ('{"words": ["a", " "]}', "no word"),
    (r'{"words": ["a", "\ud800"]}', "half a character"),
    (r'{"text": "a\udc00"}', "half a character"),
]


@pytest.mark.parametrize(("line", "reason"), BAD_LINES)
def test_bad_lines_are_reported_by_file_and_line(tmp_path, line, reason):
    path = tmp_path / "in.jsonl"
    path.write_text('{"text": "baik"}\n' + line + "\n")
    with pytest.raises(DataError, match=reason) as caught:
        list(read_predict_input(path))
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].startswith(f"{path}:2: ")


def test_lenient_reading_skips_and_counts_them(tmp_path, caplog):
    path = tmp_path / "in.jsonl"
    path.write_text("\n".join(line for line, _ in BAD_LINES) + '\n{"text": "baik"}\n')
    assert [s.words for s in read_predict_input(path, strict=False)] == [("baik",)]
    assert f"{len(BAD_LINES)} skipped" in caplog.text


@pytest.mark.parametrize("name", ["in.txt", "in.jsonl"])
def test_empty_input_is_refused(tmp_path, name):
    (tmp_path / name).write_text("\n \n")
    with pytest.raises(UserError, match="holds no sentence"):
        list(read_predict_input(tmp_path / name))
