from __future__ import annotations

import re

import pytest
from matplotlib.figure import Figure

from elmo_xlstm.evaluation.leaderboard.svg import data_digest, digests_only, is_ours, placeholder, to_svg

DIGEST = "0123456789abcdef" * 4


@pytest.fixture(scope="module")
def svg():
    figure = Figure(figsize=(2, 1))
    figure.add_subplot().plot([1, 2, 3], marker="o")
    return to_svg(figure, 'A <title> & "more"', DIGEST)


def test_an_element_for_pages_too(svg):
    assert svg.startswith("<svg ")
    assert svg.endswith("</svg>\n")
    assert "<style" not in svg
    assert "<title>" not in svg
    assert 'aria-label="A &lt;title&gt; &amp; &quot;more&quot;"' in svg
    assert set(re.findall(r"(?:url\(|href=\")#([\w-]+)", svg)) == set(re.findall(r' id="([\w-]+)"', svg))
    assert not re.search(r"\d\.\d{3}", svg.replace(DIGEST, ""))
    assert not re.search(r"20\d\d-\d\d", svg)


def test_the_digest_of_the_data_can_be_read_until_something_is_changed(svg):
    assert data_digest(svg) == DIGEST
    assert data_digest(svg.replace("#ffffff", "#fffff0")) is None
    assert data_digest(svg.replace("A &lt;", "B &lt;")) is None
    assert is_ours(svg.replace("#ffffff", "#fffff0"))
    assert data_digest("<svg></svg>") is None
    assert not is_ours("<svg></svg>")


def test_pages_are_compared_by_digests(svg):
    page = f"<p>a</p>\n{svg.strip()}\n<p>b</p>\n{svg.replace('M', 'm').strip()}\n<svg><path/></svg>"
    assert digests_only(page) == f"<p>a</p>\n{placeholder(DIGEST)}\n<p>b</p>\n<svg changed/>\n<svg changed/>"
