"""Result files and published scores, and what the leaderboard makes of hostile ones."""

from __future__ import annotations

import copy
import csv
import io
import json
import random
import re
from datetime import datetime, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from elmo_xlstm.environment import Hardware
from elmo_xlstm.evaluation.classification import count_labels
from elmo_xlstm.evaluation.leaderboard import build_board, check_leaderboard, leaderboard_tables, write_leaderboard
from elmo_xlstm.evaluation.leaderboard.board import Board
from elmo_xlstm.evaluation.leaderboard.formats import render_csv, render_pages
from elmo_xlstm.evaluation.outcomes import encode_outcomes
from elmo_xlstm.evaluation.published import PublishedScore
from elmo_xlstm.evaluation.results import (
    Confusion,
    EpochScore,
    MixWeights,
    ParameterCounts,
    RunResult,
    TypeScore,
    load_results,
)

ODD = (
    None,
    True,
    -1,
    2.0,
    10**30,
    1e308,
    float("nan"),
    "",
    "\x1b[2J",
    "\ud800",
    "<script>",
    [],
    {},
    [[]],
    {"a": []},
    "x" * 10**5,
)


def make_result(metric: str = "macro_f1", label: str = "baik", **values: Any) -> RunResult:
    gold = [["a"], [label], ["a"], [label]]
    outcomes = count_labels(gold, gold, sorted({"a", label}))
    defaults: dict[str, Any] = {
        "model": "bilm",
        "task": "smsa",
        "seed": 0,
        "split": "test",
        "main_metric": metric,
        "metrics": {metric: 1.0, "accuracy": 1.0},
        "intervals": {metric: (0.4, 1.0)},
        "types": {label: TypeScore(precision=0.5, recall=0.5, f1=0.5, support=2)},
        "mix": {label: MixWeights(weights=[0.5, 0.5], gamma=1.0)},
        "confusion": Confusion(labels=["a", label], counts=[[1, 0], [1, 2]]),
        "curve": [EpochScore(train_loss=1.0, validation=0.5)],
        "outcomes": encode_outcomes("labels", outcomes.statistics()),
        "parameters": ParameterCounts(total=10, trainable=5, frozen_bilm=5),
        "config": {"trainer": {"epochs": 1}},
        "data": {label: "c262"},
        "versions": {"python": "3.11"},
        "git_commit": None,
        "started": datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
        "seconds": 1.0,
        "hardware": Hardware(cpu=label, cores=2, device="cpu"),
        "checkpoint": None,
        "command": "python cli.py finetune x.jsonnet",
    }
    return RunResult(**(defaults | values))


def valid_text(tmp_path: Path) -> str:
    """A result file without the checksum that would hide all other problems."""
    values = json.loads(make_result().write(tmp_path).read_text(encoding="utf-8"))
    values.pop("sha256", None)
    return json.dumps(values, indent=1) + "\n"


def test_mutated_files(fuzz, tmp_path: Path) -> None:
    path = tmp_path / "smsa" / "bilm" / "seed-0.json"
    fuzz(lambda _: load_results(tmp_path), path, valid_text(tmp_path).encode())


def test_mutated_values(end_well, case_count: int, tmp_path: Path) -> None:
    values = json.loads(valid_text(tmp_path))
    path = tmp_path / "smsa" / "bilm" / "seed-0.json"
    chance = random.Random(5)
    outcomes = set()
    for number in range(case_count):
        changed = copy.deepcopy(values)
        for _ in range(chance.choice((1, 1, 3))):
            mutate(changed, chance)
        path.write_text(json.dumps(changed), encoding="utf-8")

        outcomes.add(end_well(lambda _: load_results(tmp_path), path, f"values {number}"))
        if number % 20 == 0:
            end_well(lambda _: build_board(load_results(tmp_path), []), path, f"board {number}")
    assert outcomes == {"result", "error"}


def mutate(values: Any, chance: random.Random) -> None:
    """Change, remove or add something anywhere in a tree of JSON values."""
    here = values
    while True:
        keys = list(here) if isinstance(here, dict) else list(range(len(here)))
        if not keys:
            return
        key = chance.choice(keys)
        if isinstance(here[key], dict | list) and here[key] and chance.random() < 0.7:
            here = here[key]
            continue
        match chance.randrange(4):
            case 0:
                del here[key]
            case 1 if isinstance(here, dict):
                here["key that is not there"] = chance.choice(ODD)
            case _:
                here[key] = chance.choice(ODD)
        return


HOSTILE = [
    "<script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'onmouseover='alert(1)",
    "</svg><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "&lt;script&gt;&#60;b&#62;",
    "--><script>alert(1)</script><!--",
    "javascript:alert(1)",
    "url(https://example.org/x)",
    "=HYPERLINK(\"http://example.org\")",
    "+1+1",
    "-1+1",
    "@SUM(A1)",
    "a|b|c",
    "a\\|b",
    "**a** _b_ `c` [d](http://example.org) ![e](f)",
    "\x1b]0;title\x07",
    "\x00\x85\u2028",
    "\u202eabc",
    "$x^2$ \\frac{",
    "\ud800",
]  # fmt: skip


class Page(HTMLParser):
    """Collects what a browser would run or fetch."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()
        self.bad: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name.startswith("on") or name in ("href", "xlink:href"):
                self.bad.append(f"{tag} {name}={value}")
            if name == "src" and not re.fullmatch(r"plots/[A-Za-z0-9._+-]+\.svg", value or ""):
                self.bad.append(f"{tag} {name}={value}")
            if name == "style":
                self.bad.append(f"{tag} {name}={value}")


HTML_TAGS = set("html head meta title style body h1 h2 h3 p div table thead tbody tr th td strong em img".split())
SVG_TAGS = set("svg metadata style g path text use defs clippath rect tspan".split())
SVG_TAGS |= set("rdf work type format creator agent title".split())  # of the metadata


def hostile_board(metric: str) -> Board:
    """Every hostile text as a label, a published system and a source."""
    half = {label: TypeScore(precision=0.5, recall=0.5, f1=0.5, support=2) for label in HOSTILE}
    mix = {label: MixWeights(weights=[0.5, 0.5], gamma=1.0) for label in HOSTILE}
    confusion = Confusion(labels=HOSTILE, counts=[[1] * len(HOSTILE)] * len(HOSTILE))
    rows = {"types": half, "mix": mix, "confusion": confusion}
    measured = [make_result(metric, seed=seed, **rows) for seed in (0, 1)]
    measured.append(make_result("accuracy", metrics={"accuracy": 1.0}, intervals={}, model="no-bilm"))
    return build_board(measured, [PublishedScore("smsa", metric, text, 80.0, text, 10) for text in HOSTILE])


@pytest.mark.parametrize("metric", ["<script>alert(1)</script>", '=1+"a"|b', "</svg>'onload=`$x^2$"])
def test_leaderboard_of_hostile_results(tmp_path: Path, metric: str) -> None:
    board = hostile_board(metric)
    leaderboard_tables(board)
    write_leaderboard(board, tmp_path)
    assert check_leaderboard(board, tmp_path) == []
    check_page((tmp_path / "leaderboard.html").read_text(encoding="utf-8"))
    pictures = list((tmp_path / "plots").glob("*.svg"))
    assert pictures
    for path in pictures:
        tree = ElementTree.fromstring(path.read_text(encoding="utf-8"))
        assert {element.tag.rpartition("}")[2].lower() for element in tree.iter()} <= SVG_TAGS
        for name, value in ((name, value) for element in tree.iter() for name, value in element.attrib.items()):
            assert not name.startswith("on") and (not name.endswith("href") or value.startswith("#"))
    check_table((tmp_path / "leaderboard.csv").read_text(encoding="utf-8"))
    check_markdown((tmp_path / "leaderboard.md").read_text(encoding="utf-8"))


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(text=st.sampled_from(HOSTILE) | st.text(min_size=1, max_size=20))
def test_tables_of_hostile_results(text: str) -> None:
    half = TypeScore(precision=0.5, recall=0.5, f1=0.5, support=2)
    board = build_board([make_result(types={text: half})], [PublishedScore("smsa", "macro_f1", text, 80.0, text, 10)])
    pages = render_pages(board, [])
    check_page(pages["leaderboard.html"])
    check_table(render_csv(board))
    check_markdown(pages["leaderboard.md"])


def check_page(text: str) -> None:
    page = Page()
    page.feed(text)
    assert page.tags <= HTML_TAGS and page.bad == []


def check_table(text: str) -> None:
    for row in csv.reader(io.StringIO(text, newline="")):
        assert not [cell for cell in row if cell[:1] in ("=", "+", "@", "\t", "\r")], row
        assert not [cell for cell in row if cell[:1] == "-" and not cell[1:].replace(".", "", 1).isdecimal()], row


def check_markdown(text: str) -> None:
    """Every row of a table has as many cells as its header, and no raw HTML."""
    cells = 0
    for line in text.split("\n"):
        if not line.startswith("|"):
            cells = 0
            continue
        bare = line.replace("\\\\", "").replace("\\|", "").replace("\\<", "")
        assert "<" not in bare and (cells == 0 or bare.count("|") == cells), line
        cells = bare.count("|")


@pytest.mark.parametrize("seal", ["", "<metadata>elmo-xlstm leaderboard</metadata>"])
def test_pictures_of_others_are_drawn_anew_and_never_part_of_the_page(tmp_path: Path, seal: str) -> None:
    board = build_board([make_result()], [])
    write_leaderboard(board, tmp_path)
    path = next((tmp_path / "plots").glob("*.svg"))
    drawn = path.read_text(encoding="utf-8")
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg">{seal}<script>alert(1)</script></svg>', encoding="utf-8")
    check_page((tmp_path / "leaderboard.html").read_text(encoding="utf-8"))
    write_leaderboard(board, tmp_path)
    assert path.read_text(encoding="utf-8") == drawn
    assert check_leaderboard(board, tmp_path) == []
