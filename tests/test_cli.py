from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from safetensors.numpy import load_file

from elmo_xlstm import cli
from elmo_xlstm.evaluation.results import load_results
from elmo_xlstm.lm.recipes.table import BEGIN, END
from elmo_xlstm.tasks import overlap as overlap_module
from elmo_xlstm.tasks.overlap import EvaluationText

ROOT = Path(__file__).parents[1]
COMMANDS = [
    "tokenizer",
    "pretrain",
    "export",
    "finetune",
    "suite",
    "evaluate",
    "predict",
    "export-head",
    "embed",
    "evaluation-texts",
    "overlap",
    "perplexity",
    "recipes",
    "leaderboard",
    "schema",
    "check",
    "synthetic",
]
WORKBENCH = ["init", "errors", "plot", "config", "search", "find-lr"]


class Outcome(NamedTuple):
    code: int
    out: str
    err: str


def call(*arguments: object) -> Outcome:
    """What a command prints and exits with."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        patch.setattr(sys, "argv", ["cli.py", *map(str, arguments)])
        patch.setattr(sys, "path", list(sys.path))
        patch.setenv("COLUMNS", "100")
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return Outcome(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def succeed(*arguments: object) -> str:
    outcome = call(*arguments)
    assert outcome.code == 0, outcome
    return outcome.out


def fail(*arguments: object) -> str:
    """The message of a command that refuses; nothing may be printed beside it."""
    outcome = call(*arguments)
    assert outcome.code == 1 and outcome.out == "" and "Traceback" not in outcome.err, outcome
    assert outcome.err.startswith("error: ")
    return outcome.err


@pytest.fixture(scope="module", autouse=True)
def _logging_stays_inside() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in ("", "elmo_xlstm", "tasks")]
    levels, handlers = [logger.level for logger in loggers], list(loggers[0].handlers)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    loggers[0].handlers = handlers


TOKENIZER = """{
  sources: [{ type: 'local', paths: [std.extVar('corpus')] }],
  cleaning: { min_characters: 20 },
  wordpiece: { vocab_size: 300, lower_case: true },
  output: 'tokenizer',
}"""
PRETRAIN = """{
  tokenizer: { name: 'tokenizer', lower_case: true },
  corpus: {
    sources: [{ type: 'local', paths: [std.extVar('corpus')] }],
    cleaning: { min_characters: 20 },
    validation_fraction: 0.1,
    workers: 1,
  },
  corpus_directory: 'corpus',
  model: { embedding_dim: 16, num_blocks: 1, num_heads: 2, context_length: 16 },
  optimizer: { learning_rate: 1e-2 },
  schedule: { warmup_steps: 1 },
  training: { max_steps: 4, batch_size: 4, validate_every: 2, log_every: 1, validation_tokens: 200, precision: 'fp32' },
  output: 'pretrained',
}"""
FINETUNE = """{
  model: 'bilm',
  task: {
    type: 'tagging',
    name: 'tiny',
    dataset: { type: 'conll', train: 'train.conll', valid: 'valid.conll', test: 'test.conll' },
    head: { mix: {}, words: { dim: 4 }, encoder: { hidden_size: 4 } },
  },
  embedder: { model: 'pretrained', store: 'features' },
  trainer: { epochs: 2, batch_size: 8, learning_rate: 0.03 },
  output: 'run',
  results: 'results',
}"""
SUITE = """local finetune = import 'finetune.jsonnet';
{
  experiments: [
    finetune { output: null, trainer+: { epochs: 1 }, results: 'suite/results' },
    self.experiments[0] { model: 'no-bilm', embedder: null, task+: { head+: { mix: null } } },
  ],
  seeds: 2,
  output: 'suite/runs',
}"""
CORPUS = f"corpus={ROOT / 'tasks/sample/text/running.txt'}"


@pytest.fixture(scope="module")
def workspace(ner_rows, tmp_path_factory) -> Iterator[Path]:
    """A directory in which the whole way has been gone once: tokenizer, language model, tagger."""
    directory = tmp_path_factory.mktemp("workspace")
    (directory / "tokenizer.jsonnet").write_text(TOKENIZER)
    (directory / "pretrain.jsonnet").write_text(PRETRAIN)
    (directory / "finetune.jsonnet").write_text(FINETUNE)
    (directory / "suite.jsonnet").write_text(SUITE)
    for name, rows in ner_rows.items():
        (directory / f"{name}.conll").write_text(rows)
    before = os.getcwd()
    os.chdir(directory)
    try:
        outputs = {
            "tokenizer": succeed("tokenizer", "tokenizer.jsonnet", "--ext-var", CORPUS),
            "pretrain": succeed("pretrain", "pretrain.jsonnet", "--ext-var", CORPUS),
            "finetune": succeed("finetune", "finetune.jsonnet"),
        }
        (directory / "outputs.json").write_text(json.dumps(outputs))
        yield directory
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def ner_rows() -> dict[str, str]:
    sentence = "Siti\tB-PER\ntiba\tO\ndi\tO\n{}\tB-LOC\n\n"
    return {
        "train": "".join(sentence.format(place) for place in ("Bogor", "Medan", "Jakarta", "Solo")) * 3,
        "valid": sentence.format("Surabaya"),
        "test": sentence.format("Bandung") + "Budi\tB-PER\n",
    }


class TestTheWholeWay:
    def test_tokenizer(self, workspace) -> None:
        settings = json.loads((workspace / "tokenizer" / "tokenizer_settings.json").read_text())
        assert settings["lower_case"] is True
        said = json.loads((workspace / "outputs.json").read_text())["tokenizer"]
        assert said == "300 pieces, lower_case=True: tokenizer\n"

    def test_pretrain(self, workspace) -> None:
        said = json.loads((workspace / "outputs.json").read_text())["pretrain"]
        assert "forward perplexity: " in said and "backward bits per character: " in said
        assert said.endswith("model: pretrained/model\n")
        assert (workspace / "pretrained" / "model" / "model.safetensors").is_file()
        steps = [json.loads(line) for line in (workspace / "pretrained" / "metrics.jsonl").read_text().splitlines()]
        assert [entry["step"] for entry in steps if entry["kind"] == "validation"] == [2, 4]

    def test_finetune(self, workspace) -> None:
        said = json.loads((workspace / "outputs.json").read_text())["finetune"]
        (result,) = load_results(workspace / "results")
        assert f"test macro_f1: {100 * result.score:.2f}\n" in said and said.endswith(
            "run: run\nresult: results/tiny/bilm/seed-0.json\n"
        )
        assert result.command == "python cli.py finetune finetune.jsonnet"
        assert json.loads((workspace / "run" / "config.json").read_text()) == result.config

    def test_evaluate(self, workspace) -> None:
        (result,) = load_results(workspace / "results")
        scores = json.loads(succeed("evaluate", "run"))
        assert scores["metrics"] == pytest.approx(result.metrics, abs=1e-6) and scores["data"] == "test"
        assert json.loads(succeed("evaluate", "run", "--split", "valid"))["data"] == "valid"
        further = json.loads(succeed("evaluate", "run", "--data", "test.conll"))
        assert further["metrics"] == scores["metrics"] and further["data"] == "test.conll"
        assert "--split dev: expected train, valid or test" in fail("evaluate", "run", "--split", "dev")
        assert "nothing/there: no run there" in fail("evaluate", "nothing/there")
        assert "missing.conll: no such file" in fail("evaluate", "run", "--data", "missing.conll")

    def test_predict(self, workspace, tmp_path) -> None:
        (tmp_path / "input.txt").write_text("Siti tiba di Bogor.\n\nhari ini 🦜\n", encoding="utf-8")
        rows = [json.loads(line) for line in succeed("predict", "run", tmp_path / "input.txt").splitlines()]
        assert [row["words"] for row in rows] == [["Siti", "tiba", "di", "Bogor", "."], ["hari", "ini", "🦜"]]
        assert all(len(row["tags"]) == len(row["words"]) and "spans" in row for row in rows)
        output = tmp_path / "predictions.jsonl"
        assert succeed("predict", "run", tmp_path / "input.txt", "--output", output) == f"2 sentences: {output}\n"
        assert [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()] == rows
        for read in (tmp_path / "input.txt", workspace / "run" / "head.safetensors"):
            before = read.read_bytes()
            assert "choose another name" in fail("predict", "run", tmp_path / "input.txt", "--output", read)
            assert read.read_bytes() == before

    def test_leaderboard(self, workspace) -> None:
        assert "leaderboard.md: missing" in fail("leaderboard", "--check")
        said = succeed("leaderboard")
        assert "bilm" in said and "tiny" in said and said.endswith("written: results/leaderboard.html\n")
        assert succeed("leaderboard", "--check") == "results: the tables say what the result files say\n"
        table = workspace / "results" / "leaderboard.md"
        table.write_text(table.read_text().replace("bilm", "better"))
        message = fail("leaderboard", "--check")
        assert "leaderboard.md:" in message and "Write them anew: python cli.py leaderboard" in message
        table.unlink()
        assert "nowhere: no such directory" in fail("leaderboard", "--results", "nowhere")

    def test_perplexity(self, workspace, tmp_path) -> None:
        texts = [tmp_path / "one.txt", tmp_path / "other.txt"]
        for path in texts:
            path.write_text("Siti tiba di Bogor pagi ini.\n", encoding="utf-8")
        scores = json.loads(succeed("perplexity", "pretrained", *texts))
        assert list(scores) == [str(path) for path in texts]
        assert scores[str(texts[0])] == scores[str(texts[1])]
        assert scores[str(texts[0])]["forward_perplexity"] > 1
        assert scores[str(texts[0])]["comparable"] is (scores[str(texts[0])]["unknown_characters"] <= 0.01)
        assert "missing.txt" in fail("perplexity", "pretrained", "missing.txt")

    def test_recipes(self, workspace, tmp_path) -> None:
        (workspace / "news.txt").write_text("Siti tiba di Bogor pagi ini.\n" * 3, encoding="utf-8")
        texts = [{"name": "News", "path": "news.txt", "every": 2}]
        where = {"results": f"{tmp_path}/recipes", "table": f"{tmp_path}/page.md"}
        series = {"tokenizers": ["tokenizer"], "base": "pretrain", "recipes": ["missing"], "texts": texts, **where}
        (workspace / "series.jsonnet").write_text(json.dumps(series))
        assert "page.md: has no line <!-- recipes" in fail("recipes", "series.jsonnet", "--check")
        page = tmp_path / "page.md"
        page.write_text(f"{BEGIN}\n{END}\n")
        assert succeed("recipes", "series.jsonnet", "--table") == f"written: {page}\n"
        outcome = call("recipes", "series.jsonnet", "--ext-var", CORPUS)
        assert outcome.code == 1 and "missing failed: " in outcome.err and "Traceback" not in outcome.err
        assert outcome.out.endswith(f"table: {page}\n") and "| `pretrain` | the base | 300 |" in page.read_text()
        said = succeed("recipes", "series.jsonnet", "--check")
        assert said == f"{page}: the table of recipes says what the result files say\n"
        page.write_text(page.read_text().replace("the base", "the best"))
        assert "recipes is not what" in fail("recipes", "series.jsonnet", "--check")

    def test_overlap_with_evaluation_texts(self, workspace, monkeypatch) -> None:
        words = "satu dua tiga empat lima enam tujuh delapan sembilan sepuluh sebelas dua belas tiga belas"
        known = [EvaluationText("nerp", "test", 1, words), EvaluationText("smsa", "valid", 1, "lain sama sekali")]
        monkeypatch.setattr(overlap_module, "evaluation_texts", lambda *_: iter(known))
        assert succeed("evaluation-texts", "texts.txt") == "2 texts: texts.txt\n"
        assert Path("texts.txt").read_text().splitlines() == [words, "lain sama sekali"]
        said = succeed("overlap", "pretrain.jsonnet", "--ext-var", CORPUS, "--output", "overlap")
        assert said.startswith("0 examples share a passage with the sources, 0 with the corpus\n")
        assert Path("overlap.md").is_file() and Path("overlap.json").is_file()

    def test_check(self, workspace) -> None:
        said = succeed("check", "pretrained")
        assert "versions:\n  python: " in said and "  lower_case: True\n" in said
        assert "model:" not in succeed("check")
        assert "nowhere: no pretrained model there" in fail("check", "./nowhere").replace("./", "")


class TestOptions:
    def test_dry_run_of_pretraining(self, workspace) -> None:
        shown = json.loads(
            succeed("pretrain", "pretrain.jsonnet", "--ext-var", CORPUS, "--dry-run", "--seed", 7, "--output", "other")
        )
        assert shown["configuration"]["seed"] == 7 and shown["configuration"]["output"] == "other"
        assert shown["configuration"]["optimizer"]["betas"] == [0.9, 0.999]  # defaults are resolved
        assert shown["steps"] == 4 and shown["parameters"]["total"] > 0 and shown["corpus"]["training tokens"] > 0
        assert not (workspace / "other").exists()

    def test_dry_run_of_finetuning(self, workspace) -> None:
        before = sorted(workspace.rglob("*"))
        shown = json.loads(succeed("finetune", "finetune.jsonnet", "--dry-run", "-o", "output=other"))
        assert shown["configuration"]["output"] == "other"
        assert shown["sentences"] == {"train": 12, "valid": 1, "test": 2} and shown["frozen language model"] > 0
        assert sorted(workspace.rglob("*")) == before

    def test_dry_run_of_a_tokenizer(self, workspace) -> None:
        shown = json.loads(
            succeed("tokenizer", "tokenizer.jsonnet", "--ext-var", CORPUS, "--dry-run", "--output", "other")
        )
        assert shown["configuration"]["wordpiece"]["vocab_size"] == 300
        assert not (workspace / "other").exists()

    def test_overrides(self, workspace) -> None:
        shown = json.loads(
            succeed(
                *("finetune", "finetune.jsonnet", "--dry-run", "-o", "trainer.epochs=9", "-o", "model=other"),
                *("--override", 'task.head.encoder={"hidden_size": 5}'),
            )
        )["configuration"]
        assert (shown["trainer"]["epochs"], shown["model"]) == (9, "other")
        assert shown["task"]["head"]["encoder"]["hidden_size"] == 5

    def test_options_win_over_the_file(self, workspace, tmp_path) -> None:
        said = succeed("finetune", "finetune.jsonnet", "--seed", 5, "--output", tmp_path, "-o", f"results={tmp_path}/r")
        assert said.endswith(f"run: {tmp_path}\nresult: {tmp_path}/r/tiny/bilm/seed-5.json\n")
        (result,) = load_results(tmp_path / "r")
        assert result.seed == 5 and result.config["output"] == str(tmp_path)

    def test_existing_run(self, workspace, tmp_path) -> None:
        run = ("finetune", "finetune.jsonnet", "--output", tmp_path / "run", "-o", f"results={tmp_path}/results")
        assert "no run to resume" in fail(*run, "--resume")
        assert not (tmp_path / "run").exists()
        succeed(*run)
        (tmp_path / "run" / "mine.txt").touch()
        assert "there is a run already; continue it with --resume, replace it with --force" in fail(*run)
        assert "different now: trainer.epochs" in fail(*run, "--resume", "-o", "trainer.epochs=5")
        succeed(*run, "--resume")
        assert (tmp_path / "run" / "mine.txt").exists()
        (tmp_path / "run" / "predictions-test.jsonl").write_text("of before")
        succeed(*run, "--force")
        assert (tmp_path / "run" / "mine.txt").exists()  # deleted is what a run wrote
        assert (tmp_path / "run" / "predictions-test.jsonl").read_text() != "of before"

    def test_a_row_is_one_configuration(self, workspace, tmp_path) -> None:
        run = ("finetune", "finetune.jsonnet", "-o", f"results={tmp_path}/results")
        succeed(*run, "--output", tmp_path / "run")
        other = (*run, "--seed", 1, "--output", tmp_path / "other", "-o", "trainer.epochs=1")
        assert "is of another configuration than this run (trainer.epochs: " in fail(*other)
        assert not (tmp_path / "other").exists()
        succeed(*other, "-o", "model=other")
        succeed("leaderboard", "--results", tmp_path / "results")
        succeed(*other, "--force")
        assert "tiny bilm: seeds 0 and 1 differ in trainer.epochs" in fail(
            "leaderboard", "--results", tmp_path / "results"
        )

    @pytest.mark.parametrize("command", ["tokenizer", "pretrain", "finetune"])
    def test_a_directory_of_others_stays(self, workspace, tmp_path, command) -> None:
        theirs = {
            "config.json": "{}",
            "thesis.tex": "t",
            "a/.b.partial": "t",
            ".c.tmp": "t",
            ".backup.old/a": "t",
            ".d.12.tmp": "t",
            "model/model.safetensors": "t",
        }
        for name, text in theirs.items():
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text(text)
        variables = () if command == "finetune" else ("--ext-var", CORPUS)
        for option in ((), ("--force",)):
            said = fail(command, f"{command}.jsonnet", *variables, "--output", tmp_path, *option)
            assert f"no run of {command}" in said
            found = {
                str(path.relative_to(tmp_path)): path.read_text() for path in tmp_path.rglob("*") if path.is_file()
            }
            assert found == theirs

    def test_pretraining_resumes(self, workspace, tmp_path) -> None:
        run = ("pretrain", "pretrain.jsonnet", "--ext-var", CORPUS, "--output", tmp_path / "run")
        assert "no run to resume" in fail(*run, "--resume")
        whole = succeed(*run)
        assert "there is a run already" in fail(*run)
        (*_, last) = sorted((tmp_path / "run" / "checkpoints").iterdir())
        assert last.name == "step-00000004"
        for path in sorted(last.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        last.rmdir()
        assert succeed(*run, "--resume") == whole

    def test_force_does_not_delete_what_is_no_run(self, workspace, tmp_path) -> None:
        (tmp_path / "thesis.txt").touch()
        message = fail("finetune", "finetune.jsonnet", "--output", tmp_path, "--force")
        assert "no run of finetune" in message and (tmp_path / "thesis.txt").exists()


class TestSuite:
    def test_one_run_then_nothing(self, workspace) -> None:
        run = ("suite", "suite.jsonnet", "--models", "no-bilm", "--seeds", 1)
        said = succeed(*run, "--leaderboard")
        (result,) = load_results(workspace / "suite" / "results")
        assert f"{100 * result.score:.2f} (1)" in said and "written: suite/results/leaderboard.md" in said
        assert result.command == "python cli.py suite suite.jsonnet --tasks tiny --models no-bilm --seeds 1"
        assert (workspace / "suite" / "runs" / "tiny" / "no-bilm" / "seed-0" / "log.txt").is_file()
        assert said.startswith(succeed(*run))  # the same scores, without another run
        plan = succeed("suite", "suite.jsonnet", "--dry-run", "--jobs", 1)
        assert "3 of 4 runs to do; about" in plan and "with --jobs 1" in plan
        plan = succeed(*run, "--dry-run", "-o", "trainer.batch_size=4")
        assert "tiny no-bilm seed 0: trainer.batch_size: 8 → 4" in plan
        assert "--replace-stale" in fail(*run, "-o", "trainer.batch_size=4")
        assert succeed("evaluate", "suite/runs/tiny/no-bilm/seed-0")

    def test_dry_run_makes_nothing(self, workspace) -> None:
        before = sorted(workspace.rglob("*"))
        assert "2 of 2 runs to do" in succeed("suite", "suite.jsonnet", "--dry-run", "--models", "bilm")
        assert sorted(workspace.rglob("*")) == before

    def test_failing_runs(self, workspace, monkeypatch) -> None:
        from elmo_xlstm.tasks.suite.running import Failure

        monkeypatch.setattr(
            "elmo_xlstm.tasks.suite.running.run_suite", lambda plan, *_: [Failure(plan[0], "exit status 1", ("no",))]
        )
        outcome = call("suite", "suite.jsonnet", "--models", "bilm,no-bilm", "--tasks", "tiny")
        assert outcome.code == 1 and "error: 1 of 4 runs failed" in outcome.err
        assert "tiny bilm seed 0: exit status 1; suite/runs/tiny/bilm/seed-0/log.txt ends with\n    no" in outcome.err

    def test_interruption(self, workspace, monkeypatch) -> None:
        def interrupted(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("elmo_xlstm.tasks.suite.running.run_suite", interrupted)
        assert call("suite", "suite.jsonnet") == (
            130,
            "",
            "stopped by Ctrl-C. Go on with: python cli.py suite suite.jsonnet\n",
        )

    def test_wrong_options(self, workspace) -> None:
        assert "--models x: no such model in the suite" in fail("suite", "suite.jsonnet", "--models", "bilm,x")
        message = fail("suite", "suite.jsonnet", "-o", "trainer.epoch=3")
        assert "experiments[0].trainer.epoch: unknown key" in message and "experiments[1].trainer.epoch" in message


class TestMessages:
    def test_unknown_keys(self, workspace) -> None:
        message = fail("finetune", "finetune.jsonnet", "-o", "trainer.epoch=3", "-o", "task.head.crff=false")
        assert "finetune.jsonnet: 2 problems" in message
        assert "trainer.epoch: unknown key; did you mean 'epochs'?" in message
        assert "task.head.crff: unknown key; did you mean 'crf'?" in message

    def test_malformed_options(self, workspace) -> None:
        assert "-o epochs: expected dotted.key=value" in fail("finetune", "finetune.jsonnet", "-o", "epochs")
        assert "--ext-var corpus: expected NAME=VALUE" in fail("pretrain", "pretrain.jsonnet", "--ext-var", "corpus")
        assert "corpus" in fail("pretrain", "pretrain.jsonnet")  # the variable that is not given
        assert "missing.jsonnet: 1 problem\n  no such file" in fail("finetune", "missing.jsonnet")
        assert "--include-package no_such_module: cannot be imported" in fail(
            "finetune", "finetune.jsonnet", "--include-package", "no_such_module"
        )

    def test_missing_model_and_data(self, workspace) -> None:
        dry = ("finetune", "finetune.jsonnet", "--dry-run")
        assert "runs/none: no pretrained model there" in fail(*dry, "-o", "embedder.model=runs/none")
        assert "none.conll: no such file" in fail(*dry, "-o", "task.dataset.valid=none.conll")

    def test_messages_are_not_wrapped_or_read_as_markup(self, workspace, tmp_path) -> None:
        name = "[bold]" + "x" * 120
        assert name in fail("evaluate", tmp_path / name).splitlines()[0]

    def test_usage_errors(self) -> None:
        outcome = call("finetune")
        assert outcome.code == 2 and "CONFIG" in outcome.err
        outcome = call("finetun")
        assert outcome.code == 2 and "finetun" in outcome.err

    def test_interruption(self, workspace, tmp_path, monkeypatch) -> None:
        def interrupted(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr("elmo_xlstm.tasks.finetuning.run_finetuning", interrupted)
        outcome = call("finetune", "finetune.jsonnet", "--output", tmp_path / "run", "--force")
        way = f"python cli.py finetune finetune.jsonnet --output {tmp_path / 'run'} --resume"
        assert outcome == (130, "", f"stopped by Ctrl-C. Go on with: {way}\n")

    def test_bugs_are_one_message_and_a_file(self, workspace, tmp_path, monkeypatch) -> None:
        def broken(*_):
            raise ZeroDivisionError("odd")

        monkeypatch.setattr("elmo_xlstm.tasks.finetuning.run_finetuning", broken)
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        outcome = call("finetune", "finetune.jsonnet", "--output", tmp_path / "run")
        assert outcome.code == 70 and outcome.err.startswith("error: ZeroDivisionError: odd\n")
        assert str(tmp_path / "elmo-xlstm-") in outcome.err and "Traceback" not in outcome.err


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command) -> None:
    said = succeed(command, "--help")
    documentation = getattr(cli, command.replace("-", "_")).__doc__
    assert documentation.split(",")[0].split(".")[0] in " ".join(said.split())
    if command in ("pretrain", "finetune"):
        for option in (
            "-o",
            "--ext-var",
            "--output",
            "--force",
            "--resume",
            "--dry-run",
            "--include-package",
            "--seed",
        ):
            assert option in said


def test_help_names_every_command() -> None:
    said = succeed("--help")
    assert [name for name in COMMANDS if f"  {name} " not in said] == []
    registered = [command.name or command.callback.__name__ for command in cli.app.registered_commands]
    assert sorted(registered) == sorted(COMMANDS)
    assert [name for name in WORKBENCH if f"  {name} " not in said] == []


@pytest.mark.parametrize("kind", ["tokenizer", "pretrain", "finetune", "suite"])
def test_schema(kind) -> None:
    schema = json.loads(succeed("schema", kind))
    assert schema["type"] == "object" and schema["additionalProperties"] is False
    assert {"tokenizer": "wordpiece", "pretrain": "training", "finetune": "task", "suite": "experiments"}[
        kind
    ] in schema["required"]

    def parts(value) -> Iterator[dict]:
        if isinstance(value, dict):
            yield value
        for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            yield from parts(item)

    references = {part["$ref"] for part in parts(schema) if isinstance(part.get("$ref"), str)}
    assert references == {f"#/$defs/{name}" for name in schema["$defs"]}
    described = [part for part in parts(schema["$defs"]) if "description" in part]
    assert len(described) > 10


def test_schema_of_nothing() -> None:
    assert "predict: no kind of experiment; expected tokenizer, pretrain, finetune, suite" in fail("schema", "predict")


def test_embed_writes_the_vectors_of_numbered_texts(model_directory, tmp_path) -> None:
    source, output = tmp_path / "in.txt", tmp_path / "out.safetensors"
    source.write_text("Siti tiba\n\nBudi\ndi rumah\n")
    command = ["embed", source, "--output", output, "--model", model_directory]
    assert succeed(*command) == f"3 texts: {output}\n"
    assert load_file(output)["index"].tolist() == [0, 2, 3]
    assert succeed(*command, "--shard", "2/2", "--pool", "max", "--top") == f"1 texts: {output}\n"
    assert load_file(output)["index"].tolist() == [2] and load_file(output)["vectors"].shape == (1, 32)
    assert "choose one" in fail(*command, "--all", "--top")
    assert "expected I/N" in fail(*command, "--shard", "3/2")
    assert "choose another name" in fail("embed", source, "--output", source)


def test_export_writes_static_vectors(model_directory, tmp_path) -> None:
    pytest.importorskip("model2vec")
    target = tmp_path / "static"
    assert succeed("export", model_directory, target, "--static", "token") == f"static vectors, token: {target}\n"
    assert (target / "tokenizer.json").is_file()
    assert "--force" in fail("export", model_directory, target, "--static", "token")
