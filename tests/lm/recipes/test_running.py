"""A series of tiny recipes, from text to table."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.pretraining_loop import Pretraining
from elmo_xlstm.lm.recipes import running
from elmo_xlstm.lm.recipes.running import RecipeFiles, run_series
from elmo_xlstm.lm.recipes.series import SeriesSettings, read_result
from elmo_xlstm.lm.recipes.table import BEGIN, END, check_table
from elmo_xlstm.lm.scoring import score_files
from elmo_xlstm.lm.training_checkpoints import TrainingCheckpoints

WORDS = "saya kamu dia mereka ibu ayah pergi datang ke pasar sekolah rumah kantor hari ini kemarin besok".split()


@pytest.fixture
def series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SeriesSettings:
    monkeypatch.chdir(tmp_path)
    rng = random.Random(0)
    for name, count in (("corpus.txt", 200), ("news.txt", 9)):
        lines = (" ".join(rng.choice(WORDS) for _ in range(12)) for _ in range(count))
        Path(name).write_text("".join(f"{line} {index}.\n" for index, line in enumerate(lines)))
    text = {"sources": [{"type": "local", "paths": ["corpus.txt"], "documents": "line"}]}
    base: dict[str, Any] = {
        "tokenizer": {"name": "runs/vocabulary", "lower_case": True},
        "corpus": {**text, "validation_fraction": 0.1, "workers": 1},
        "corpus_directory": "runs/corpus",
        "model": {"embedding_dim": 16, "num_blocks": 1, "num_heads": 2, "dropout": 0, "context_length": 16},
        "training": {"max_steps": 4, "batch_size": 4, "validate_every": 2, "log_every": 2, "precision": "fp32"},
        "output": "runs/base",
    }
    shared = {**base, "model": {**base["model"], "softmax": "shared"}, "output": "runs/shared"}
    broken = {**base, "training": {**base["training"], "max_steps": 0}, "output": "runs/broken"}
    wordpiece = {"vocab_size": 80, "lower_case": True}
    vocabulary = {**text, "wordpiece": wordpiece, "output": "runs/vocabulary"}
    files = {"base": base, "broken": broken, "shared": shared, "vocabulary": vocabulary}
    for name, values in files.items():
        Path(f"{name}.jsonnet").write_text(json.dumps(values))
    Path("page.md").write_text(f"{BEGIN}\n{END}\n")
    return SeriesSettings(
        tokenizers=["vocabulary"],
        base="base",
        recipes=["broken", "shared"],
        texts=[{"name": "News", "path": "news.txt", "every": 2}],
        results=Path("results"),
        table=Path("page.md"),
    )


def test_a_series_is_run_scored_and_listed_but_for_what_fails(
    series: SeriesSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = run_series(series, RecipeFiles(Path()))
    assert list(failures) == ["broken"] and "training.max_steps" in failures["broken"]
    check_table(series)
    rows = [line for line in Path("page.md").read_text().splitlines() if line.startswith("| `")]
    assert [row.split(" | ")[:2] for row in rows] == [
        ["| `base`", "the base"],
        ["| `shared`", "`model.softmax` shared"],
    ]
    result = read_result("shared", series.results)
    assert result is not None and result.changes == {"model.softmax": ("separate", "shared")}
    assert (result.pieces, result.tokens) == (80, 4 * 4 * 16)
    news = Path("news.txt")
    assert result.texts["News"].validation.loss == pytest.approx(
        score_files("runs/shared", [news], every=2)["news.txt"].loss, abs=1e-6
    )

    # What is done is neither made nor scored again.
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("is done already")

    before = Path("results/shared.json").read_text()
    for name in ("run_pretraining", "run_tokenizer_training"):
        monkeypatch.setattr(running, name, never)
    monkeypatch.setattr("elmo_xlstm.lm.recipes.measuring.score_paths", never)
    assert list(run_series(series, RecipeFiles(Path()))) == ["broken"]
    assert Path("results/shared.json").read_text() == before


def test_what_was_stopped_goes_on_and_a_crash_costs_no_other_recipe(
    series: SeriesSettings, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    save, steps = TrainingCheckpoints.save, []

    def crash_once(self: TrainingCheckpoints, *arguments: Any) -> Any:
        saved = save(self, *arguments)
        if not steps:
            steps.append(0)
            raise RuntimeError("the machine was struck")
        return saved

    with monkeypatch.context() as patch:
        patch.setattr(TrainingCheckpoints, "save", crash_once)
        failures = run_series(series, RecipeFiles(Path()))
    assert failures.keys() == {"base", "broken"} and failures["base"] == "RuntimeError: the machine was struck"
    assert "The traceback is in " in caplog.text and "Traceback (most recent call last)" not in caplog.text
    assert read_result("shared", series.results) is not None

    step = Pretraining._step

    def counted(self: Pretraining, windows: Any) -> Any:
        steps.append(self.position.step)
        return step(self, windows)

    steps.clear()
    monkeypatch.setattr(Pretraining, "_step", counted)
    assert run_series(series, RecipeFiles(Path()), only=["base"]) == {}
    assert steps == [2, 3]


def test_a_run_of_other_settings_is_not_taken_for_the_recipe_s(series: SeriesSettings) -> None:
    assert run_series(series, RecipeFiles(Path()), only=["shared"]) == {}
    values = json.loads(Path("shared.jsonnet").read_text())
    Path("shared.jsonnet").write_text(json.dumps({**values, "seed": 1}))
    failures = run_series(series, RecipeFiles(Path()), only=["shared"])
    assert "another configuration; different now: seed" in failures["shared"]


def test_only_what_is_in_the_series_can_be_asked_for(series: SeriesSettings) -> None:
    with pytest.raises(UserError, match="--only shaerd: no recipe of the series; there are base, broken, shared"):
        run_series(series, RecipeFiles(Path()), only=["shaerd"])
