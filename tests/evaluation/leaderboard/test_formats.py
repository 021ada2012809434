from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

import pytest
from rich.console import Console

from elmo_xlstm.evaluation.leaderboard import leaderboard_table
from elmo_xlstm.evaluation.leaderboard.board import build_board
from elmo_xlstm.evaluation.leaderboard.csv_rows import render_csv
from elmo_xlstm.evaluation.leaderboard.html_page import render_html
from elmo_xlstm.evaluation.leaderboard.markdown import escape, render_markdown
from elmo_xlstm.evaluation.published import PublishedScore

EVIL = "<script>alert(1)</script> a|b *c* & [d]"


@pytest.fixture
def runs(result):
    return [
        result(0.5, seed=0, types={EVIL: 0.5}, mix={"input": [0.5, 0.5]}),
        result(0.6, seed=1, types={EVIL: 0.7}, mix={"input": [0.5, 0.5]}),
    ]


@pytest.fixture
def board(runs):
    return build_board(runs, [PublishedScore("nerp", "macro_f1", EVIL, 54.0, EVIL)])


class Page(HTMLParser):
    """Collects cells, checks that tags are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.seen = [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag != "meta":
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


def test_html_is_well_formed_escaped_and_self_contained(board):
    page = Page(render_html(board))
    assert ["bilm", "2", "55.00 ± 7.07", "61.0 M", "measured here"] in page.rows
    assert [f"{EVIL} †", "", "54.00", "", EVIL] in page.rows
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in page.seen}
    assert not any({"src", "href"} & set(attributes) for _, attributes in page.seen)
    assert ("tr", {"class": "published"}) in page.seen
    assert ("strong", {}) in page.seen


def test_markdown_tables_have_as_many_columns_in_each_line(board):
    text = render_markdown(board)
    tables = [block.split("\n") for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 4
    for table in tables:
        widths = {line.replace("\\|", "").count("|") for line in table}
        assert len(widths) == 1
    assert "| bilm | 2 | **55.00 ± 7.07** | 61.0 M | measured here |" in text
    assert "<script>" not in text.replace("\\<script\\>", "")
    assert text.endswith("|\n") or text.endswith(".\n")


def test_markdown_marks_are_escaped():
    assert escape("a|b_c*[d]<e>`\\") == "a\\|b\\_c\\*\\[d\\]\\<e\\>\\`\\\\"


def test_csv_reads_back_to_the_board(board):
    rows = list(csv.DictReader(io.StringIO(render_csv(board))))
    assert rows[0] == {
        "model": "bilm",
        "task": "nerp",
        "metric": "macro_f1",
        "mean": "55.00",
        "sd": "7.07",
        "seeds": "2",
        "parameters": "61000000",
        "source": "",
    }
    assert (rows[1]["model"], rows[1]["mean"], rows[1]["sd"], rows[1]["source"]) == (EVIL, "54.00", "", EVIL)


def test_csv_has_the_groups_averages(result):
    tasks = ("emot", "smsa", "casa", "hoasa", "wrete")
    rows = list(csv.DictReader(io.StringIO(render_csv(build_board([result(0.5, task=t) for t in tasks])))))
    averages = {row["model"]: row["mean"] for row in rows if row["task"] == "average, classification"}
    assert averages["bilm"] == "50.00"
    assert averages["mbert"] == f"{(67.30 + 84.14 + 72.23 + 84.63 + 84.40) / 5:.2f}"


def test_the_terminal_table_prints_names_as_they_are(runs):
    published = [PublishedScore("nerp", "macro_f1", "Bi-xLSTM[1:0]", 54.0, "a [bold]paper")]
    console = Console(width=120, file=io.StringIO(), force_terminal=False)
    console.print(leaderboard_table(runs, published))
    text = console.file.getvalue()
    for part in ("Bi-xLSTM[1:0] †", "a [bold]paper", "55.00 ± 7.07", "measured here"):
        assert part in text


def test_without_results_the_published_systems_are_shown():
    board = build_board([])
    text = render_markdown(board)
    assert "| indobert-large-p1 †" in text
    assert "average, classification" in text
    assert "## " not in text
    Page(render_html(board))
