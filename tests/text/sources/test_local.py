from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path

import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.text.sources.local import LocalSource

TEXT = "Baris satu.\nBaris dua.\n\n\n  \nDokumen kedua.\r\n\nKetiga tanpa akhir baris"
COMPRESS = {
    ".txt": bytes,
    ".gz": gzip.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    ".zst": lambda content: pyarrow.compress(content, codec="zstd", asbytes=True),
}


def read(*paths: Path | str, **values: object) -> list[str]:
    return [document.text for document in source(*paths, **values)]


def source(*paths: Path | str, **values: object) -> LocalSource:
    return validate(LocalSource.Config, {"paths": [str(path) for path in paths], **values}).build()


@pytest.mark.parametrize("suffix", COMPRESS)
def test_documents_end_at_blank_lines_whatever_the_compression(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"teks{suffix}"
    path.write_bytes(COMPRESS[suffix](TEXT.encode()))
    assert [(document.text, document.origin) for document in source(path)] == [
        ("Baris satu.\nBaris dua.", f"{path}:1"),
        ("Dokumen kedua.", f"{path}:6"),
        ("Ketiga tanpa akhir baris", f"{path}:8"),
    ]


def test_documents_may_be_lines_or_files(tmp_path: Path) -> None:
    path = tmp_path / "teks.txt"
    path.write_text(TEXT)
    assert read(path, documents="line") == ["Baris satu.", "Baris dua.", "Dokumen kedua.", "Ketiga tanpa akhir baris"]
    (whole,) = read(path, documents="file")
    assert whole.split("\n") == ["Baris satu.", "Baris dua.", "", "", "  ", "Dokumen kedua.", "", whole.split("\n")[-1]]


@pytest.mark.parametrize("frames", [1, 3])
def test_several_compressed_parts_in_one_file_are_all_read(tmp_path: Path, frames: int) -> None:
    for suffix in (".gz", ".bz2", ".xz", ".zst"):
        path = tmp_path / f"a{suffix}"
        path.write_bytes(b"".join(COMPRESS[suffix](f"bagian {index}\n".encode()) for index in range(frames)))
        assert read(path, documents="line") == [f"bagian {index}" for index in range(frames)]


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.text(alphabet="abc ", max_size=6), max_size=14),
    documents=st.sampled_from(["blank_line", "file"]),
    limit=st.integers(1, 12),
)
def test_long_documents_are_split_at_line_ends_and_lose_nothing(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], documents: str, limit: int
) -> None:
    path = tmp_path_factory.mktemp("teks") / "a.txt"
    path.write_text("".join(f"{line}\n" for line in lines))
    parts = read(path, documents=documents, max_characters=limit)
    assert [line for part in parts for line in part.split("\n") if line.strip()] == [x for x in lines if x.strip()]
    assert all(len(part) <= limit or "\n" not in part.strip("\n ") for part in parts)


def test_globs_are_sorted_and_a_file_named_twice_is_read_once(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "dalam/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    assert read(tmp_path / "*.txt") == ["a.txt", "b.txt"]
    assert read(tmp_path / "b.txt", tmp_path / "**" / "*.txt") == ["b.txt", "a.txt", "dalam/c.txt"]


def test_each_file_has_the_format_that_its_ending_says(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("satu\n")
    for name, pack in (("b.jsonl", bytes), ("c.NDJSON.gz", gzip.compress)):
        (tmp_path / name).write_bytes(pack(json.dumps({"text": f"isi \u2764 {name}"}).encode()))
    assert read(tmp_path / "*") == ["satu", "isi \u2764 b.jsonl", "isi \u2764 c.NDJSON.gz"]
    assert read(tmp_path / "b.jsonl", format="text") == [(tmp_path / "b.jsonl").read_text()]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", b'{"text": "satu"}\n'),
        ("a", b'\xef\xbb\xbf\n [\n {"text": "satu"}]'),
        ("a.json", b'{"text": "satu"}\n'),
        ("a.csv", b"id,text\n1,satu\n"),
        ("a.tsv.gz", gzip.compress(b"id\ttext\n1\tsatu\n", mtime=0)),
        ("a.parquet", b"PAR1\x15\x04"),
        ("a.data", b"PAR1\x15\x00\x04"),
        ("a.txt", "satu".encode("utf-16")),
        ("a.HTML", b"<p>satu</p>"),
        ("a.txt", b"\n<!DOCTYPE html>\n<p>satu</p>"),
        ("a.txt", b"<mediawiki>"),
    ],
)
def test_what_is_no_running_text_is_refused_before_anything_is_read(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"is no running text.*format to 'text'") as caught:
        source(path)
    assert str(path) in str(caught.value)
    source(path, format="text")


@pytest.mark.parametrize("content", [b"{{Infobox}} {a: 1}", b"[1] catatan", b"<p>satu</p>", b"[[Bogor]]", b""])
def test_text_with_markup_is_text(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    assert read(tmp_path / "a") == [content.decode()] * bool(content)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("format", ["text", "jsonl"])
def test_every_kind_of_line_end_ends_a_line(tmp_path: Path, end: str, format: str) -> None:
    texts = ["satu", "dua tiga", "empat"]
    lines = [json.dumps({"text": text}) if format == "jsonl" else text for text in texts]
    path = tmp_path / "a"
    path.write_bytes((end * 2).join([*lines, ""]).encode())
    assert [(d.text, d.origin) for d in source(path, format=format)] == [
        (text, f"{path}:{1 + 2 * number}") for number, text in enumerate(texts)
    ]


def test_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    rows = [{"isi": "satu\ndua", "x": 1}, {"isi": "tiga"}]
    path.write_text("\n\n".join(json.dumps(row) for row in rows))
    assert read(path, format="jsonl", text_field="isi") == ["satu\ndua", "tiga"]
    assert read(path, format="jsonl", text_field="isi", max_characters=5) == ["satu", "dua", "tiga"]


def test_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfhalo\n")
    assert read(path) == ["halo"]


@pytest.mark.parametrize(
    ("content", "values", "message"),
    [
        (b"baik\nburuk \xff\n", {}, r"a\.data:2: is not UTF-8 \(byte 0xff at position 7"),
        (b'{"text": "a"}\n{"text": \n', {"format": "jsonl"}, r"a\.data:2: is no valid JSON"),
        (b'\n{"isi": "a"}\n', {"format": "jsonl"}, r"a\.data:2: expected .* string at 'text', found the keys isi"),
        (b'{"text": 3}\n', {"format": "jsonl"}, r"a\.data:1: expected"),
        (b"[1]\n", {"format": "jsonl"}, r"a\.data:1: expected .* found a list"),
    ],
)
def test_bad_content_is_reported_with_file_and_line(
    tmp_path: Path, content: bytes, values: dict[str, str], message: str
) -> None:
    path = tmp_path / "a.data"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message):
        read(path, **values)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz", ".zst"])
def test_cut_off_and_garbled_archives_are_refused(tmp_path: Path, suffix: str) -> None:
    whole = COMPRESS[suffix](bytes(str(list(range(3000))), "ascii"))
    path = tmp_path / f"a{suffix}"
    for content in (whole[: len(whole) // 2], b"no archive at all, just text"):
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"is damaged or cut off"):
            read(path)


def test_missing_files_and_directories_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"hilang\.txt: no such file"):
        source(tmp_path / "hilang.txt")
    with pytest.raises(UserError, match=r"\*\.txt: no file matches"):
        source(tmp_path / "*.txt")
    with pytest.raises(UserError, match=r"is a directory"):
        source(tmp_path)
    with pytest.raises(ConfigError, match="paths"):
        source()


def test_fingerprint_follows_content_and_settings_and_not_the_place(tmp_path: Path) -> None:
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "teks.txt").write_text("isi")
    first, second = (source(tmp_path / place / "teks.txt") for place in ("a", "b"))
    assert first.fingerprint() == second.fingerprint() == json.loads(json.dumps(first.fingerprint()))
    assert source(tmp_path / "a" / "teks.txt", documents="line").fingerprint() != first.fingerprint()
    (tmp_path / "b" / "teks.txt").write_text("lsi")
    assert second.fingerprint() != first.fingerprint()


def test_large_files_are_told_apart_by_their_time_of_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elmo_xlstm.text.sources.files.HASHED_BYTES", 2)
    path = tmp_path / "teks.txt"
    path.write_text("isi")
    (entry,) = source(path).fingerprint()["files"]
    assert entry == {"name": "teks.txt", "bytes": 3, "modified_ns": path.stat().st_mtime_ns}
