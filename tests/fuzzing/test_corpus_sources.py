"""The sources of a pretraining corpus and the cleaning of what they give."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers.problems import read_lines
from elmo_xlstm.text.characters import limit_marks
from elmo_xlstm.text.cleaning import Cleaner
from elmo_xlstm.text.markup import strip_wikitext
from elmo_xlstm.text.sources import HuggingFaceSource, LocalSource, MediaWikiSource, files, mediawiki
from elmo_xlstm.text.tokenizer import Tokenizer

TEXT = (
    "Siti tiba di <b>Bogor</b> pada pagi hari.\nIa makan nasi 2 kali.\n\n== Judul ==\n[[Jakarta|kota]] dan {{lain}}\n"
)
JSON_LINES = '{"text": "Siti tiba di Bogor."}\n{"text": "hari ini", "id": 2}\n'
DUMP = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" xml:lang="id">
  <page><title>Bogor</title><ns>0</ns><revision><text>'''Bogor''' adalah [[kota]] di {{Indonesia|x}}.
{| class="x"
|a
|}</text></revision></page>
  <page><title>Diskusi</title><ns>1</ns><revision><text>tidak</text></revision></page>
</mediawiki>
"""
CLEANER = Cleaner.Config(min_characters=1).build()


def cleaned(config: Any) -> list[Any]:
    """All documents of a source, cleaned, and able to be written."""
    documents = [CLEANER.clean_document(document) for document in config.build()]
    return [text.encode() for text in documents if isinstance(text, str)]


def local(**settings: Any) -> Callable[[Path], Any]:
    return lambda path: cleaned(LocalSource.Config(paths=[str(path)], **settings))


def wiki(path: Path) -> Any:
    return cleaned(MediaWikiSource.Config(path=str(path)))


SOURCES: dict[str, tuple[str, str, Callable[[Path], Any]]] = {
    "text": ("corpus.txt", TEXT, local()),
    "text, a document a line": ("corpus.txt", TEXT, local(documents="line")),
    "text, a document a file": ("corpus.txt", TEXT, local(documents="file", max_characters=50)),
    "json lines": ("corpus.jsonl", JSON_LINES, local(format="jsonl", max_characters=1000)),
    "mediawiki": ("dump.xml", DUMP, wiki),
}


@pytest.mark.parametrize("name", SOURCES)
def test_ends_in_documents_or_one_error(fuzz, tmp_path: Path, name: str) -> None:
    file, valid, read = SOURCES[name]
    fuzz(read, tmp_path / file, valid.encode(), seed=len(name))


PACKERS = {
    ".gz": lambda content: gzip.compress(content, 1),
    ".bz2": bz2.compress,
    ".xz": lambda content: lzma.compress(content, preset=0),
    ".zst": lambda content: pyarrow.compress(content, codec="zstd", asbytes=True),
}


def all_lines(path: Path) -> list[str]:
    return list(read_lines(path))


@pytest.mark.parametrize("suffix", PACKERS)
def test_damaged_archives(end_well, case_count: int, tmp_path: Path, suffix: str) -> None:
    """The packed file is what is damaged: cut at every place, and bits of it flipped."""
    path, outcomes, chance = tmp_path / f"corpus.txt{suffix}", set(), random.Random(suffix)
    lines = [f"Baris nomor {number} dari berkas.\n".encode() for number in range(40)]
    packed = PACKERS[suffix](b"".join(lines))
    for number in range(case_count):
        damaged = bytearray(packed[:number] if number < len(packed) else packed)
        for _ in range(0 if number < len(packed) else chance.randint(1, 3)):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        outcomes.add(end_well(local(), path, f"{suffix} {number}"))
        outcomes.add(end_well(all_lines, path, f"{suffix} {number}"))
    assert "error" in outcomes


@pytest.mark.parametrize("suffix", PACKERS)
def test_archives_that_unpack_to_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    monkeypatch.setattr(files, "UNPACKED_BYTES", 2**20)
    monkeypatch.setattr(files, "LINE_BYTES", 2**20)
    monkeypatch.setattr(mediawiki, "PAGE_BYTES", 2**20)
    bomb = PACKERS[suffix](b"<page>" + b"a" * 2**26)
    assert len(bomb) < 2**19
    path = tmp_path / f"bomb.txt{suffix}"
    path.write_bytes(bomb)
    for read in (all_lines, local(), local(documents="line"), wiki):
        tracemalloc.start()
        with pytest.raises(UserError, match=r"bomb.txt.*(a line of more than|more than 1 MiB|unpacks to more than)"):
            read(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 160 * 2**20


ODD_VALUES = (
    *(None, True, 1, -2.5, float("nan"), 10**400, b"x", b"\xff", [], {}, ["baik"], {"text": "baik"}, "", " ", "\0"),
    *(
        "\ud800",
        "\u200b",
        "e\u0301" * 500,
        "<b>",
        "{{a|" * 50,
        "[[",
        "\u202eمرحبا",
        "👩‍👩‍👧",
        "\x1b[2J",
        "baik",
        "a" * 10**5,
    ),
)


def test_rows_of_a_hub_data_set(end_well, case_count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns with odd values or none, and a library that fails after some rows."""
    rows: list[Any] = []
    chance, outcomes = random.Random(1), set()

    def load(self: HuggingFaceSource) -> Iterator[Any]:
        for row in rows:
            if row is None:
                raise ValueError("the library\nfails")
            yield row

    monkeypatch.setattr(HuggingFaceSource, "_load", load)
    config = HuggingFaceSource.Config(name=str(tmp_path))
    for number in range(case_count):
        rows[:] = [{"text": "baik sekali", "id": place} for place in range(3)]
        for row in rows[: chance.randint(0, 3)]:
            row["text"] = chance.choice(ODD_VALUES)
        if number % 20 == 0:
            rows[chance.randrange(3)] = chance.choice([None, {}, {"other": "x"}])
        outcomes.add(end_well(lambda _: cleaned(config), tmp_path, f"rows {number}: {rows}"))
    assert outcomes == {"result", "error"}


@pytest.mark.parametrize(
    "piece",
    [
        "<!--",
        "<ref>",
        "<b ",
        "<a b=",
        "{{a|",
        "[[a|",
        "{|\n",
        "''a",
        "== ",
        "=",
        " ",
        "&amp;",
        "[//a ",
        "e\u0301\u0316",
    ],
)
@pytest.mark.parametrize("end", ["", "x", "-->}}]]|}</ref>"])
def test_no_markup_takes_for_ever(piece: str, end: str) -> None:
    text = "== " + piece * (40_000 // len(piece)) + end
    started = time.process_time()
    strip_wikitext(text)
    CLEANER.clean(text)
    assert time.process_time() - started < 15


def test_marks_of_a_megabyte() -> None:
    started = time.process_time()
    cleaned = CLEANER.clean("a" + "\u0301\u0316" * 2**19 + " lalu kata")
    assert time.process_time() - started < 15 and isinstance(cleaned, str)
    assert len(cleaned) < 100 and cleaned.endswith("lalu kata")


def test_marks_that_languages_have_stay() -> None:
    text = "สวัสดี " * 30 + "a\u0323\u0302 " * 30 + "👩‍👩‍👧" * 60 + "---" * 60 + "бы́ло"
    assert limit_marks(text) == text


VOCABULARY = "[PAD]\n[UNK]\n[CLS]\n[SEP]\nkata\n##nya\n"


@pytest.mark.parametrize("file", ["vocab.txt", "tokenizer.json"])
def test_tokenizer_files(fuzz, tmp_path: Path, file: str) -> None:
    (tmp_path / "vocab.txt").write_text(VOCABULARY)
    built = Tokenizer.Config(name=str(tmp_path / "vocab.txt"), lower_case=True).build()
    built.save(tmp_path / "saved")
    saved = json.dumps(json.loads((tmp_path / "saved" / "tokenizer.json").read_text()), indent=1)
    valid = VOCABULARY if file == "vocab.txt" else saved

    def read(path: Path) -> Any:
        return Tokenizer.Config(name=str(path), lower_case=True).build().encode_texts(["kata kata lain \u200b"])

    fuzz(read, tmp_path / file, valid.encode())
