"""The commands on a run: its mistakes, its plots and its settings."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

import pytest

from elmo_xlstm.config import evaluate_jsonnet, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import load_results
from elmo_xlstm.tasks.finetuning import FinetuneSettings

EXPERIMENT = """{
  model: 'kata',
  task: {
    type: 'tagging',
    name: 'entitas',
    dataset: {
      type: 'conll', train: 'entitas.conll', valid: self.train, test: self.train,
      format: { separator: null, word_column: 0, tag_column: 2 },
    },
    head: { words: { dim: 4, min_count: 1 }, encoder: null },
  },
  trainer: { epochs: 2, learning_rate: 0.01 },
}"""
RUN = Path("runs/entitas/kata/seed-0")


@pytest.mark.slow
def test_mistakes_and_plots_of_a_run(workplace, run) -> None:
    Path("x.jsonnet").write_text(EXPERIMENT)
    run("finetune", "x.jsonnet")
    said = run("errors", RUN)
    counts = {kind: int(count) for kind, count in re.findall(r"^([a-z ]+): (\d+)$", said, flags=re.MULTILINE)}
    (result,) = load_results(Path("runs/results"))
    support = sum(score.support for score in result.types.values())
    right = round(result.metrics["micro_recall"] * support)
    pairs = sum(count for kind, count in counts.items() if kind not in ("missed", "spurious"))
    assert counts.get("missed", 0) + pairs == support - right
    page = (RUN / "errors-valid.html").read_text()
    assert "Surabaya" in page and "entitas, kata, seed 0" in page
    for path in re.findall(r"written: (.*svg)", run("plot", RUN, "--output", "gambar")):
        assert ElementTree.parse(path).getroot().tag.endswith("svg")
    assert Path("gambar/entitas-curves.svg").is_file()
    with pytest.raises(UserError, match="no finished run there"):
        run("plot", "gambar")
    assert run("config", "diff", "x.jsonnet", RUN) == ""
    run("finetune", "x.jsonnet", "--force")  # a page beside the run does not keep it from being made anew


def test_settings_are_shown_with_what_is_a_default(workplace, run) -> None:
    Path("x.jsonnet").write_text(EXPERIMENT)
    said = run("config", "show", "x.jsonnet", "-o", "trainer.patience=3")
    Path("y.jsonnet").write_text(said)
    shown, given = (validate(FinetuneSettings, evaluate_jsonnet(Path(name))) for name in ("y.jsonnet", "x.jsonnet"))
    assert shown.model_dump() == given.model_dump() | {"trainer": {**given.trainer.model_dump(), "patience": 3}}
    lines = {line.split(":")[0].strip(): line for line in said.splitlines() if ": " in line}
    assert "// default" not in lines["patience"] and "// default" not in lines["learning_rate"]
    assert "// default" in lines["gradient_clip"] and "// default" in lines["results"]
    assert run("config", "diff", "x.jsonnet", "y.jsonnet") == "trainer.patience: 10 → 3\n"
    with pytest.raises(UserError, match="is no experiment: it has none of the keys"):
        Path("z.jsonnet").write_text("{ a: 1 }")
        run("config", "show", "z.jsonnet")


def test_version_and_completion(run) -> None:
    assert run("--version") == f"elmo-xlstm {version('elmo-xlstm')}\n"
    assert "--install-completion" in run("--help")


@pytest.mark.parametrize(
    ("name", "key"),
    [("smsa", "task"), ("indonlu", "experiments"), ("pretrain", "corpus"), ("quickstart_tokenizer", "wordpiece")],
)
def test_every_kind_of_experiment_is_known(name, key, run) -> None:
    said = run("config", "show", name)
    assert f"  {key}: " in said and "// default" in said


@pytest.mark.slow
def test_a_learning_rate_is_found_and_events_are_written(workplace, run) -> None:
    pytest.importorskip("tensorboard", reason="the extra 'tensorboard' is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    Path("x.jsonnet").write_text(EXPERIMENT)
    said = run("find-lr", "x.jsonnet", "--steps", 30, "--output", "laju.svg")
    assert 1e-6 <= float(re.search(r"learning_rate=(\S+)", said)[1]) < 1
    assert ElementTree.parse("laju.svg").getroot().tag.endswith("svg")
    with pytest.raises(UserError, match="the lower one first"):
        run("find-lr", "x.jsonnet", "--low", 1, "--high", 0.1)
    run("finetune", "x.jsonnet", "-o", "trainer.tensorboard=true")
    events = EventAccumulator(str(RUN / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("validation/macro_f1")] == [1, 2]
    assert events.Scalars("training/learning rate")[0].value == pytest.approx(0.01)
    run("finetune", "x.jsonnet", "--force")  # the same row: what is written besides changes nothing measured
    assert not (RUN / "tensorboard").exists()
