from __future__ import annotations

import pytest

from elmo_xlstm.text.markup import strip_wikitext

PAGE = """{{Infobox kota
| nama = Bandung {{flag|ID}}
}}
'''Bandung''' adalah ibu kota [[Jawa Barat|provinsi Jawa Barat]], [[Indonesia]].<ref>{{cite|judul=x}}</ref>
[[Berkas:Gedung.jpg|jmpl|Gedung [[Sate]] di sana]]
== Sejarah ==
{| class="wikitable"
! Tahun !! Jiwa
|-
| 1990 || 2 juta
|}
Kota ini<!-- komentar --> ramai &amp; sejuk.<br />Lihat [https://contoh.id situsnya].
* butir <math>x^2</math> pertama
<gallery>
a.jpg|gambar
</gallery>
[[Kategori:Kota di Jawa Barat]] [[en:Bandung]] [[:Kategori:Kota]]
"""


def test_only_the_running_text_of_a_page_stays() -> None:
    assert " ".join(strip_wikitext(PAGE).split()) == (
        "Bandung adalah ibu kota provinsi Jawa Barat, Indonesia. Sejarah Kota ini ramai & sejuk. "
        "Lihat situsnya. butir pertama"
    )


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("[[Wikipedia:Warung kopi|warung]]", "warung"),
        ("[[en:Bandung|Bandung versi Inggris]]", "Bandung versi Inggris"),
        ("[[Gambar: a.png|teks]][[FILE:b.png]][[kategori : c]]", ""),
        ("''miring'' dan '''tebal'''", "miring dan tebal"),
        ("<syntaxhighlight lang=py>x = 1</syntaxhighlight>akhir", " akhir"),
        ("https://contoh.id/a", "https://contoh.id/a"),
        ("a\n{| class=x\n|-\n| [[b]]\n{{akhir tabel}}\nc", "a\n \n\nc"),
        ("a\n{| class=x\n|-\n{{baris}}\n! b\n\nc", "a\n \n\nc"),
        ("tanpa {{penutup dan [[tautan", "tanpa {{penutup dan [[tautan"),
        ("", ""),
    ],
)
def test_single_constructs(raw: str, expected: str) -> None:
    assert strip_wikitext(raw) == expected
