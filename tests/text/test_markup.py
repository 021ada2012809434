from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.text.markup import strip_markup


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("<p class='a b'>Satu</p>", " Satu "),
        ('<b>teb</b>al <a href="x?a=1">tautan</a>', "tebal tautan"),
        ("satu<br/>dua<BR>tiga", "satu dua tiga"),
        ("<input disabled type=checkbox>ya", " ya"),
        ("a<!-- rahasia -->b", "a b"),
        ("a<script>var x = '<p>';</script>b", "a b"),
        ('fakta<ref name="x">sumber</ref> lain<ref name="y" />.', "fakta  lain ."),
        ("A &amp; B &lt;b&gt; &#65; &#x42; &amp;nbsp;.", "A & B <b> A B \xa0."),
        ("{{Infobox|a={{b|c}}|d}}isi", " isi"),
        ("[[Kota Jakarta|Jakarta]] dan [[Bandung]]", "Jakarta dan Bandung"),
        ("[[Berkas:a.jpg|jmpl|lihat [[Jakarta]] ini]]teks", " teks"),
        ("[[Kategori:Kota]]teks[[File:b.png]]", " teks "),
        ("[https://contoh.id/a label panjang] [http://contoh.id]", "label panjang  "),
        ("'''Tebal''' dan ''miring'' serta '''''keduanya'''''", "Tebal dan miring serta keduanya"),
        ("== Judul ==\nisi\n=== Anak judul ===", "Judul\nisi\nAnak judul"),
        ("sebelum\n{| class=x\n|-\n| a\n{| dalam\n|}\n| b\n|}\nsesudah", "sebelum\n \nsesudah"),
        ("a\n{| class=x\n|-\n! b !! c\n\n| d || e\n{{akhir}}\nf", "a\n \n \nf"),
        ("a\n:{| class=x\n{{baris|b}}\n\nc\n\n== d ==", "a\n \n \n\nc\n\nd"),
        ("a\n{|\n|\n* b\n|- style=c\n| d\n{|\n| e\n|}\n", "a\n \n* b\n \n \n"),
        ("a\n{{mulai}}\n| b\n|-\n| c\n|}\nd", "a\n \n \nd"),
        ("{| class=x\n" + "| sel\n" * 5000 + "|}\na", " \na"),
        ("__NOTOC__teks", " teks"),
    ],
)
def test_markup_is_stripped_and_its_words_stay(raw: str, expected: str) -> None:
    assert strip_markup(raw) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Pakai List<String> atau Map<K, V> di Java.",
        "jika a < b dan c > d, maka a <b and c> d",
        "salin ke <nama-berkas> lalu kirim ke <nama@contoh.id>",
        "function f() { return {a: {b: 1}}; }",
        "x = [[1, 2], [3, 4]]; y = x[0][1]",
        'if [[ -f "$a" || -d $b ]]; then echo ya; fi',
        "if x == y and y == z:",
        "kata Jum'at dan ma'ruf, f('') + ''",
        "ia berkata, ''tidak bisa dihindari,\" ujarnya",
        "def __init__(self): return __file__",
        "AT&T, R&D; x?a=1&copy=2&lt=3",
        "buka {{ tanpa penutup dan isi panjang",
        "<script> yang tak pernah ditutup",
        "| kolom | lain |\n|-------|------|\n| a     | b = c |",
        "src\n|-- a.py\n|- b.py\n| teks",
        "ia bilang {| bukan tabel\n| kata",
        "[1] catatan kaki dan a[i]//b[j]",
    ],
)
def test_text_that_only_looks_like_markup_stays(text: str) -> None:
    assert strip_markup(text) == text


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="ab c.,()-0123\n", max_size=80))
def test_plain_text_is_never_changed(text: str) -> None:
    assert strip_markup(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        "<b ",
        "<ref>",
        "<!--",
        "{{",
        "[[a|",
        "{|\n",
        "{| a\n\n",
        "|\n \n",
        "\n!",
        "''a",
        "== a ",
        "&amp",
        "<a x=1",
        "[http://a ",
    ],
)
def test_unclosed_markup_in_a_long_text_takes_no_long_time(piece: str) -> None:
    start = time.perf_counter()
    strip_markup(piece * (20_000 // len(piece)))
    assert time.perf_counter() - start < 3
