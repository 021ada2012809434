from __future__ import annotations

import bz2
import tracemalloc
from pathlib import Path

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.text.cleaning import Cleaner
from elmo_xlstm.text.sources.mediawiki import MediaWikiSource

HEAD = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="id">\n'
SITE = "<siteinfo><sitename>Wikipedia</sitename><namespaces><namespace key='0'/></namespaces></siteinfo>\n"


def page(title: str, text: str, namespace: int = 0, extra: str = "") -> str:
    return (
        f"<page><title>{title}</title><ns>{namespace}</ns><id>1</id>{extra}<revision><id>2</id>"
        f'<contributor><username>x</username></contributor><text xml:space="preserve">{text}</text></revision></page>\n'
    )


DUMP = (
    HEAD
    + SITE
    + page("Bandung", "'''Bandung''' adalah [[kota]] di &lt;b&gt;Jawa&lt;/b&gt;. {{stub}} [[Kategori:Kota]]")
    + page("Pembicaraan:Bandung", "obrolan", namespace=1)
    + page("Kota Kembang", "apa pun", extra='<redirect title="Bandung" />')
    + page("BDO", "#ALIH [[Bandung]]")
    + page("Kosong", "")
    + page("Sate", "Sate dibuat dari daging.&lt;ref&gt;sumber&lt;/ref&gt;")
    + "</mediawiki>\n"
)


@pytest.mark.parametrize("suffix", [".xml", ".xml.bz2"])
def test_articles_alone_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"idwiki-pages-articles{suffix}"
    # Wikimedia's dumps are many bz2 streams in one file.
    half = len(DUMP) // 2
    compress = bz2.compress if suffix.endswith(".bz2") else bytes
    path.write_bytes(compress(DUMP[:half].encode()) + compress(DUMP[half:].encode()))
    source = MediaWikiSource.Config(path=str(path)).build()
    documents = list(source)
    assert [document.origin for document in documents] == [f"{path.name}: {t}" for t in ("Bandung", "Kosong", "Sate")]
    cleaner = Cleaner.Config(min_characters=1).build()
    assert [cleaner.clean_document(documents[index]) for index in (0, 2)] == [
        "Bandung adalah kota di Jawa.",
        "Sate dibuat dari daging.",
    ]
    assert list(source) == documents
    (entry,) = source.fingerprint()["files"]
    assert entry["bytes"] == path.stat().st_size


def test_memory_does_not_grow_with_the_dump(tmp_path: Path) -> None:
    path = tmp_path / "besar.xml"
    with open(path, "w") as file:
        file.write(HEAD)
        for index in range(1500):
            file.write(page(f"Judul {index}", "isi " * 1000))
        file.write("</mediawiki>")
    tracemalloc.start()
    try:
        assert sum(1 for _ in MediaWikiSource.Config(path=str(path)).build()) == 1500
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < path.stat().st_size / 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (DUMP[: len(DUMP) // 2], r"wiki\.xml:\d+: is no well-formed XML"),
        ("bukan xml", r"wiki\.xml:1: is no well-formed XML at column 1"),
        ("<html><p>halo</p></html>", r"wiki\.xml: has no <page>"),
    ],
)
def test_what_is_no_dump_is_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "wiki.xml"
    path.write_text(content)
    with pytest.raises(UserError, match=message):
        list(MediaWikiSource.Config(path=str(path)).build())


def test_missing_or_ambiguous_path_is_refused(tmp_path: Path) -> None:
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(DUMP)
    with pytest.raises(UserError, match="no such file"):
        MediaWikiSource.Config(path=str(tmp_path / "c.xml")).build()
    with pytest.raises(UserError, match="matches 2 files"):
        MediaWikiSource.Config(path=str(tmp_path / "*.xml")).build()
