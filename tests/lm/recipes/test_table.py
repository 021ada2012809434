from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from elmo_xlstm.config import evaluate_jsonnet, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.recipes.series import SeriesSettings
from elmo_xlstm.lm.recipes.table import (
    BEGIN,
    END,
    UNKNOWN,
    check_table,
    expected_document,
    render_table,
    write_table,
)

ROOT = Path(__file__).parents[3]


@pytest.fixture
def series(tmp_path: Path) -> SeriesSettings:
    (tmp_path / "page.md").write_text(f"Before.\n\n{BEGIN}\nold\n{END}\n\nAfter.\n")
    return SeriesSettings(
        tokenizers=[],
        base="base",
        recipes=["one", "two"],
        texts=[{"name": "News", "path": "news.txt"}, {"name": "Reviews", "path": "reviews.txt"}],
        results=tmp_path / "results",
        table=tmp_path / "page.md",
    )


def test_the_documented_table_is_that_of_the_result_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    values = evaluate_jsonnet(ROOT / "experiments/recipes/all.jsonnet")
    check_table(validate(SeriesSettings, values))


def test_rows_are_those_of_runs_that_were_made_in_the_series_order(series, make_result) -> None:
    write_table(series)
    assert "Before.\n\n" in series.table.read_text() and "No recipe has been run yet.\n" in series.table.read_text()
    change = {"softmax_loss.type": ["sampled", "full"], "softmax_loss.samples": [2048, None]}
    make_result("two", changes=change).write(series.results)
    make_result("base").write(series.results)
    with pytest.raises(UserError, match="the table of recipes is not what"):
        check_table(series)
    write_table(series)
    check_table(series)
    lines = series.table.read_text().splitlines()
    assert lines[0] == "Before." and lines[-1] == "After."
    assert [line for line in lines if line.startswith("| `")] == [
        "| `base` | the base | 16,000 | 9.9 M | 201 | 6,510 | 1.750, 1.812 | 1.750, 1.812 | – |",
        "| `two` | `softmax_loss.type` full | 16,000 | 9.9 M | 201 | 6,510 | 1.750, 1.812 | 1.750, 1.812 | – |",
    ]


def test_scores_on_text_that_is_unknown_are_marked(make_result) -> None:
    result = make_result("base")
    text = result.texts["News"]
    texts = {
        name: text.model_copy(update={"validation": replace(text.validation, unknown_characters=share)})
        for name, share in (("News", 0.001), ("Thai", 0.4))
    }
    table = render_table([result.model_copy(update={"texts": texts})], ["News", "Thai"])
    row, _, note = table.splitlines()[2:]
    assert [UNKNOWN in cell for cell in row.split("|")[-3:-1]] == [False, True] and note.startswith(UNKNOWN.strip())
    assert UNKNOWN not in render_table([result], ["News"])


def test_what_differs_is_told_by_its_new_value(make_result) -> None:
    result = make_result(
        "all",
        changes={
            "tokenizer.name": ["runs/recipes/tokenizer_16k", "runs/recipes/tokenizer_8k"],
            "optimizer.betas": [[0.9, 0.95], [0.9, 0.999]],
            "training.log_every": [20, 40],
            "training.ema_decay": [None, 0.99],
        },
    )
    row = render_table([result], ["News"]).splitlines()[-1]
    assert "| `tokenizer.name` tokenizer_8k, `optimizer.betas` [0.9, 0.999], `training.ema_decay` 0.99 |" in row


def test_another_mix_is_told_in_a_few_words(make_result) -> None:
    change = {"corpus.sources.law": [[0.1, 1], None], "corpus.sources.tweets": [[0.15, 3], [0.15, 6]]}
    row = render_table([make_result("mix", changes=change)], ["News"]).splitlines()[-1]
    assert "| `mix` | other shares of the sources | 16,000 |" in row


def test_a_page_without_marks_is_refused(series) -> None:
    for text in ("", BEGIN, f"{END}\n{BEGIN}"):
        series.table.write_text(text)
        with pytest.raises(UserError, match="has no line"):
            expected_document(series)
