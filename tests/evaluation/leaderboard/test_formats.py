from __future__ import annotations

import csv
import io
from html.parser import HTMLParser

import pytest
from rich.console import Console

from elmo_xlstm.evaluation.leaderboard import leaderboard_tables
from elmo_xlstm.evaluation.leaderboard.board import build_board
from elmo_xlstm.evaluation.leaderboard.formats import escape_markdown, render_csv, render_pages
from elmo_xlstm.evaluation.leaderboard.plots import plots
from elmo_xlstm.evaluation.published import PublishedScore

EVIL = "</svg><script>alert(1)</script> a|b *c* & [d]"


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
        if tag not in ("meta", "img"):
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


def page_of(board):
    return render_pages(board, plots(board))["leaderboard.html"]


def markdown_of(board):
    return render_pages(board, plots(board))["leaderboard.md"]


def test_html_is_well_formed_escaped_and_fetches_nothing_but_its_plots(board):
    page = Page(page_of(board))
    images = [attributes for tag, attributes in page.seen if tag == "img"]
    assert [image["src"] for image in images] == ["plots/layer-weights.svg", "plots/nerp-types.svg"]
    assert images[1]["alt"] == "nerp: F1 of each type"
    assert ["bilm", "2", "55.00 ± 7.07", "61.0 M", "measured here"] in page.rows
    assert [f"{EVIL} †", "", "54.00", "", EVIL] in page.rows
    assert not {"script", "link", "iframe"} & {tag for tag, _ in page.seen}
    assert not any("href" in attributes for _, attributes in page.seen)
    assert ("tr", {"class": "published"}) in page.seen
    assert ("strong", {}) in page.seen


def test_hostile_names_are_text_wherever_they_stand(result, labels):
    hostile = "<b onclick='x'>&\"$\\frac{\x00\n\ud800"
    runs = [
        labels(0.5, labels=("bad", "fair", "good", hostile), model="evil", main_metric="accuracy"),
        result(0.5, types={hostile: 0.5}, mix={hostile: [0.5, 0.5], "other": [0.5, 0.5]}, data={hostile: hostile}),
    ]
    board = build_board(runs, [PublishedScore("nerp", "macro_f1", hostile, 54.0, hostile)])
    page = Page(page_of(board))
    assert {tag for tag, _ in page.seen} & {"b", "script"} == set()
    assert not any("onclick" in attributes for _, attributes in page.seen)
    for line in markdown_of(board).split("\n"):
        assert "<b" not in line.replace("\\<b", "")


def test_markdown_tables_have_as_many_columns_in_each_line(board):
    text = markdown_of(board)
    tables = [block.split("\n") for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 4
    for table in tables:
        widths = {line.replace("\\|", "").count("|") for line in table}
        assert len(widths) == 1
    assert "| bilm | 2 | **55.00 ± 7.07** | 61.0 M | measured here |" in text
    assert "<script>" not in text.replace("\\<script\\>", "")
    links = [line for line in text.split("\n") if line.startswith("![")]
    assert links == [
        "![Learned layer weights](plots/layer-weights.svg)",
        "![nerp: F1 of each type](plots/nerp-types.svg)",
    ]


def test_markdown_marks_are_escaped():
    assert escape_markdown("a|b_c*[d]\n<e>`\\") == "a\\|b\\_c\\*\\[d\\] \\<e\\>\\`\\\\"


def test_csv_reads_back_to_the_board(board):
    rows = list(csv.DictReader(io.StringIO(render_csv(board))))
    assert rows[0] == {
        "model": "bilm",
        "task": "nerp",
        "metric": "macro_f1",
        "mean": "55.00",
        "sd": "7.07",
        "seeds": "2",
        "interval_low": "",
        "interval_high": "",
        "against": "",
        "difference": "",
        "p_value": "",
        "p_holm": "",
        "parameters": "61000000",
        "source": "",
    }
    assert (rows[1]["model"], rows[1]["mean"], rows[1]["sd"], rows[1]["source"]) == (EVIL, "54.00", "", EVIL)


def test_csv_has_intervals_and_tests(spans):
    board = build_board([spans(0.9), spans(0.3, model="no-bilm")], [])
    good, base = csv.DictReader(io.StringIO(render_csv(board)))
    assert float(good["interval_low"]) < float(good["mean"]) < float(good["interval_high"])
    assert float(good["difference"]) == pytest.approx(float(good["mean"]) - float(base["mean"]), abs=0.02)
    assert (good["against"], good["p_value"], good["p_holm"]) == ("no-bilm", "0.0001", "0.0001")
    assert (base["against"], base["p_value"]) == ("", "")


def test_csv_has_the_groups_averages(result):
    tasks = ("emot", "smsa", "casa", "hoasa", "wrete")
    rows = list(csv.DictReader(io.StringIO(render_csv(build_board([result(0.5, task=t) for t in tasks])))))
    averages = {row["model"]: row["mean"] for row in rows if row["task"] == "average, classification"}
    assert averages["bilm"] == "50.00"
    assert averages["mbert"] == f"{(67.30 + 84.14 + 72.23 + 84.63 + 84.40) / 5:.2f}"


def test_the_terminal_table_prints_names_as_they_are(runs):
    published = [PublishedScore("nerp", "macro_f1", "Bi-xLSTM[1:0] [bold]x", 54.0, "a paper")]
    console = Console(width=120, file=io.StringIO(), force_terminal=False)
    console.print(leaderboard_tables(build_board(runs, published)))
    text = console.file.getvalue()
    for part in ("Bi-xLSTM[1:0] [bold]x †", "55.00 ± 7.07", "61.0 M", "Test scores in percent"):
        assert part in text


def test_without_results_the_published_systems_are_shown():
    board = build_board([])
    text = markdown_of(board)
    assert "| indobert-large-p1 †" in text
    assert [line for line in text.split("\n") if line.startswith("##")] == [
        "## Classification",
        "## Sequence labelling",
    ]
    assert "| average |" in text
    Page(page_of(board))
