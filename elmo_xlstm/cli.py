"""The command line: ``elmo-xlstm COMMAND --help``, in a checkout ``python cli.py``."""

from __future__ import annotations

import json
import shlex
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import typer

from elmo_xlstm.command import refuse_several_processes, run_command
from elmo_xlstm.config import Settings, validate
from elmo_xlstm.errors import UserError, printable
from elmo_xlstm.machine import keep_freed_memory, limit_primitive_cache
from elmo_xlstm.options import (
    ExperimentOptions,
    IncludePackage,
    Results,
    RunDirectory,
    RunOptions,
    SeriesOptions,
    SuiteOptions,
    TrainingOptions,
    include,
    show_settings,
    spread,
)
from elmo_xlstm.pretrained import DEFAULT_MODEL
from elmo_xlstm.runs.interruption import resumable
from elmo_xlstm.terminal import be_quiet, console, terminal_progress, this_command
from elmo_xlstm.workbench.commands import app as workbench

app = typer.Typer(
    help="Pretrain bidirectional mLSTM language models, and train and score task heads on them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"elmo-xlstm {version('elmo-xlstm')}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show the traceback of an error that was not foreseen.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and end.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Options of all commands."""
    limit_primitive_cache()


@app.command()
@spread
def tokenizer(options: RunOptions) -> None:
    """Train a WordPiece vocabulary on a text source."""
    from elmo_xlstm.runs.run_directory import open_run
    from elmo_xlstm.text.tokenizer_training import TokenizerSettings, run_tokenizer_training

    refuse_several_processes("tokenizer")
    settings = options.load(TokenizerSettings, output=options.output)
    if options.dry_run:
        return show_settings(settings, {})
    directory = Path(settings.output)
    with open_run(directory, settings, force=options.force):
        trained = run_tokenizer_training(settings, directory, terminal_progress())
    typer.echo(f"{trained.vocab_size:,} pieces, lower_case={trained.lower_case}: {directory}")


@app.command()
@spread
def pretrain(options: TrainingOptions) -> None:
    """Pretrain a language model."""
    from elmo_xlstm.lm.distributed import Processes
    from elmo_xlstm.lm.initial_model import complete
    from elmo_xlstm.lm.pretraining import describe_pretraining, run_pretraining
    from elmo_xlstm.lm.pretraining_settings import PretrainSettings
    from elmo_xlstm.runs.run_directory import open_run

    processes = Processes()
    if not processes.is_main:
        be_quiet()
    progress = terminal_progress() if processes.is_main else None
    with processes.together():
        settings = options.load(PretrainSettings, output=options.output, seed=options.seed)
        directory = Path(settings.output)
        settings = complete(settings, directory if options.resume else None)
    if not options.dry_run:
        with ExitStack() as held:
            opened = open_run(directory, settings, force=options.force, resume=options.resume)
            processes.run_on_main(lambda: held.enter_context(opened))
            held.enter_context(resumable())
            keep_freed_memory()
            validation = run_pretraining(settings, directory, options.resume, progress)
    else:
        sizes = describe_pretraining(settings, progress)
    processes.leave()
    if not processes.is_main:
        return
    if options.dry_run:
        return show_settings(settings, sizes)
    for name, value in validation.as_dict().items():
        typer.echo(f"{name.replace('_', ' ')}: {value:.4f}")
    typer.echo(f"model: {directory / 'model'}")


@app.command()
@spread
def finetune(options: TrainingOptions) -> None:
    """Train a task head and score it on the test split."""
    from elmo_xlstm.runs.run_directory import open_run
    from elmo_xlstm.tasks.finetuning import FinetuneSettings, describe_finetuning, refuse_another_row, run_finetuning

    refuse_several_processes("finetune")
    settings = options.load(FinetuneSettings, output=options.output, seed=options.seed)
    if options.dry_run:
        return show_settings(settings, describe_finetuning(settings))
    if not (options.force or options.resume):
        refuse_another_row(settings)
    command = shlex.join(this_command(*sys.argv[1:]))
    with open_run(settings.directory, settings, force=options.force, resume=options.resume), resumable():
        keep_freed_memory()
        result = run_finetuning(settings, settings.directory, command, options.resume, terminal_progress())
    for name, value in result.metrics.items():
        typer.echo(f"test {name}: {100 * value:.2f}")
    typer.echo(f"run: {settings.directory}")
    typer.echo(f"result: {result.path(Path(settings.results))}")


@app.command()
@spread
def suite(
    options: SuiteOptions,
    tasks: Annotated[
        list[str] | None, typer.Option("--tasks", metavar="NAMES", help="These alone: a,b. Repeatable.")
    ] = None,
    models: Annotated[
        list[str] | None, typer.Option("--models", metavar="NAMES", help="These alone: a,b. Repeatable.")
    ] = None,
    seeds: Annotated[int | None, typer.Option("--seeds", min=1, help="How many, from 0; else the suite's.")] = None,
    output: Annotated[Path | None, typer.Option("--output", help="Directory of all runs, else the suite's.")] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", min=1, help="Runs at once; one a core by default, one alone on a GPU.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run again what is done, too.")] = False,
    replace_stale: Annotated[
        bool, typer.Option("--replace-stale", help="Run again what was made with other settings or data.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what there is to do, and how long it takes.")
    ] = False,
    with_leaderboard: Annotated[bool, typer.Option("--leaderboard", help="Write the leaderboard at the end.")] = False,
) -> None:
    """Run many experiments with several seeds each, one process a run; what is done is not done again."""
    from elmo_xlstm.tasks.suite.planning import plan_suite, results_of
    from elmo_xlstm.tasks.suite.running import default_jobs, refuse_failures, run_suite
    from elmo_xlstm.tasks.suite.settings import Selection, read_suite
    from elmo_xlstm.tasks.suite.tables import plan_table, problem_lines, summary_table

    refuse_several_processes("suite")
    packages = options.include_package or ()
    include(packages)
    asked = Selection(_names(tasks), _names(models), seeds, output, options.override or ())
    chosen = read_suite(options.read(), asked, origin=str(options.config))
    repeat = this_command("suite", str(options.config))
    imports = map(str, options.allow_imports or ())
    for option, values in (
        ("--ext-var", options.ext_var or ()),
        ("--include-package", packages),
        ("--allow-imports", imports),
    ):
        repeat += [part for value in values for part in (option, value)]
    plan = plan_suite(chosen, repeat, force, replace_stale)
    jobs = jobs or default_jobs(len(plan))
    if dry_run:
        console.print(plan_table(plan, jobs))
        typer.echo("".join(f"{printable(line)}\n" for line in problem_lines(plan)), nl=False)
        return
    failures = run_suite(plan, jobs, packages, terminal_progress())
    console.print(summary_table(results_of(plan)))
    if with_leaderboard:
        for directory in sorted({run.settings.results for run in plan}):
            leaderboard(Path(directory))
    refuse_failures(failures, len(plan))


@app.command()
def evaluate(
    run: RunDirectory,
    split: Annotated[str, typer.Option("--split", help="train, valid or test of the task's own data.")] = "test",
    data: Annotated[Path | None, typer.Option("--data", help="A labelled file of the same form instead.")] = None,
    include_package: IncludePackage = None,
) -> None:
    """Score a trained head, as JSON."""
    from elmo_xlstm.tasks.predict import FinishedRun

    if split not in ("train", "valid", "test"):
        raise UserError(f"--split {split}: expected train, valid or test")
    include(include_package)
    scores = FinishedRun(run).evaluate(split, data, terminal_progress())
    typer.echo(json.dumps(scores, indent=2, ensure_ascii=False))


@app.command()
def predict(
    model: Annotated[
        str,
        typer.Argument(
            metavar="MODEL",
            help="ner, pos, sentiment, emotion, absa or keyphrases; a finished run; or a name on the hub.",
        ),
    ],
    sources: Annotated[
        list[Path],
        typer.Argument(metavar="INPUT...", help="Plain text, .jsonl, .csv, .tsv, .conll, .parquet; - for a pipe."),
    ],
    output: Annotated[Path | None, typer.Option("--output", help="File; standard output if absent.")] = None,
    form: Annotated[
        str | None,
        typer.Option("--format", help="jsonl, csv, conll or view (for people); by the output's name by default."),
    ] = None,
    input_form: Annotated[
        str | None,
        typer.Option("--input-format", help="text, jsonl, csv, tsv, conll or parquet; by the name by default."),
    ] = None,
    column: Annotated[
        list[str] | None, typer.Option("--column", metavar="NAME", help="Column or key of the texts. Twice for pairs.")
    ] = None,
    top_k: Annotated[int | None, typer.Option("--top-k", min=1, help="Probabilities of the best labels alone.")] = None,
    on_bad_row: Annotated[
        str, typer.Option("--on-bad-row", help="refuse the input, or skip the rows that cannot be read.")
    ] = "refuse",
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue an output that was cut off, after its last whole row.")
    ] = False,
    include_package: IncludePackage = None,
) -> None:
    """Predict with a trained head: a row of output for every row of input."""
    from elmo_xlstm.tasks.new_examples import InputFiles
    from elmo_xlstm.tasks.prediction_files import PredictionFile, predict_to_file

    if on_bad_row not in ("refuse", "skip"):
        raise UserError(f"--on-bad-row {on_bad_row}: expected refuse or skip")
    include(include_package)
    inputs = InputFiles(sources, input_form, column or (), skip=on_bad_row == "skip")
    target = PredictionFile(output, form, resume)
    count = predict_to_file(model, inputs, target, top_k, terminal_progress() if output is not None else None)
    if output is not None:
        typer.echo(f"{count} sentences: {output}")


@app.command("export-head")
def export_head(
    run: RunDirectory,
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The new directory.")],
    source: Annotated[str, typer.Option("--data-source", help="Where the data are from, for the card.")],
    licence: Annotated[str, typer.Option("--data-licence", help="Of the data, for the card.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an exported head that is there.")] = False,
    include_package: IncludePackage = None,
) -> None:
    """Write a finished run's head for others: fp16, without the language model, scored, with a card."""
    from elmo_xlstm.tasks import head_export

    include(include_package)
    notes = head_export.DataNotes(source, licence)
    facts = head_export.export_head(run, target, notes, force, terminal_progress())
    for split, scores in facts["scores"].items():
        for name, value in scores.items():
            typer.echo(f"{split} {name}: {100 * value:.2f}")
    typer.echo(f"head: {target}")


@app.command()
def embed(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="Text, a sentence a line; .jsonl, .csv, .tsv, .conll, .parquet; - for a pipe."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", help="File of vectors: .hdf5 (as ELMo's own command), .safetensors, .parquet.")
    ],
    model: Annotated[str, typer.Option("--model", help="A model, a pretraining run, or a hub name.")] = DEFAULT_MODEL,
    all_layers: Annotated[bool, typer.Option("--all", help="All layers, one after another.")] = False,
    top: Annotated[bool, typer.Option("--top", help="The last layer.")] = False,
    average: Annotated[bool, typer.Option("--average", help="The mean of all layers; the default.")] = False,
    pool: Annotated[
        Literal["words", "mean", "max"], typer.Option("--pool", help="A vector of each word, or one of each text.")
    ] = "words",
    column: Annotated[str | None, typer.Option("--column", help="Column or JSON key of the texts.")] = None,
    tokenized: Annotated[bool, typer.Option("--tokenized", help="Words are separated by spaces.")] = False,
    forget_sentences: Annotated[
        bool, typer.Option("--forget-sentences", help="Leave the texts out of the file.")
    ] = False,
    shard: Annotated[str, typer.Option("--shard", metavar="I/N", help="Every N-th text, from the I-th on.")] = "1/1",
    precision: Annotated[
        Literal["fp32", "bf16", "int8"], typer.Option("--precision", help="Of the projections.")
    ] = "fp32",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with what a stopped command left.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Remove what a stopped command left.")] = False,
) -> None:
    """Write the vectors of texts, or of their words, into a file; order and numbers are those of the input."""
    from elmo_xlstm.embedding import ElmoEmbedder
    from elmo_xlstm.embedding.vector_files import VectorSettings, write_vectors
    from elmo_xlstm.sharding import Shard
    from elmo_xlstm.tasks.data.readers.numbered_text import read_numbered

    if all_layers + top + average > 1:
        raise UserError("--all, --top and --average: choose one")
    layer: Literal["all", "mean", -1] = "all" if all_layers else -1 if top else "mean"
    if output.exists() and source.exists() and output.samefile(source):
        raise UserError(f"{output}: is read to make what would be written there; choose another name")
    rows = read_numbered(source, column, tokenized)
    settings = VectorSettings(pool, layer, Shard.parse(shard), forget_sentences)
    with resumable():
        embedder = ElmoEmbedder.from_pretrained(model, precision=precision)
        count = write_vectors(embedder, rows, output, settings, resume, force, terminal_progress())
    typer.echo(f"{count:,} texts: {output}")


@app.command("evaluation-texts")
def evaluation_texts(
    output: Annotated[Path, typer.Argument(metavar="FILE", help="Text file, a text a line.")],
    task: Annotated[list[str] | None, typer.Option("--task", help="Only this task. Repeatable.")] = None,
    split: Annotated[list[str] | None, typer.Option("--split", help="By default valid and test. Repeatable.")] = None,
) -> None:
    """Write the texts that models are scored on, to be kept out of a corpus (corpus.cleaning.exclude)."""
    from elmo_xlstm.tasks.overlap import EVALUATION_SPLITS, write_evaluation_texts

    typer.echo(f"{write_evaluation_texts(output, split or EVALUATION_SPLITS, task):,} texts: {output}")


@app.command()
@spread
def overlap(
    options: ExperimentOptions,
    output: Annotated[Path, typer.Option("--output", help="The report, without its ending.")] = Path("runs/overlap"),
) -> None:
    """Report which validation and test examples share passages with the text of a pretraining experiment."""
    from elmo_xlstm.lm.pretraining_settings import PretrainSettings
    from elmo_xlstm.tasks.overlap import report_overlap

    settings = options.load(PretrainSettings)
    found = report_overlap(settings.corpus, output, terminal_progress())
    typer.echo(f"{len(found.found):,} examples share a passage with the sources, {len(found.left):,} with the corpus")
    typer.echo(f"report: {output}.md, {output}.json")


@app.command()
def perplexity(
    model: Annotated[str, typer.Argument(help="A model or pretraining run.")],
    files: Annotated[list[Path], typer.Argument(help="Text files, a document a line; each is scored by itself.")],
    every: Annotated[int, typer.Option("--every", min=1, help="Score every n-th document of a file.")] = 1,
) -> None:
    """Score a language model on texts: perplexity and bits per character of each direction, as JSON."""
    from elmo_xlstm.lm.scoring import score_files
    from elmo_xlstm.runs.files import to_json

    found = score_files(model, files, every=every)
    scores = {path: {**score.as_dict(), "comparable": score.comparable} for path, score in found.items()}
    typer.echo(to_json(scores, indent=2))


@app.command()
@spread
def recipes(
    options: SeriesOptions,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="NAMES", help="These recipes alone: a,b. Repeatable.")
    ] = None,
    table: Annotated[bool, typer.Option("--table", help="Run nothing; write the table from the result files.")] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Run nothing; fail if the table is not what the result files say.")
    ] = False,
) -> None:
    """Pretrain, score and list recipes one after the other; what is done is not done again, what was begun goes on."""
    from elmo_xlstm.lm.recipes.running import RecipeFiles, run_series
    from elmo_xlstm.lm.recipes.series import SeriesSettings
    from elmo_xlstm.lm.recipes.table import check_table, write_table

    refuse_several_processes("recipes")
    include(None)
    series = validate(SeriesSettings, options.read(), origin=str(options.config))
    if check:
        check_table(series)
        return typer.echo(f"{series.table}: the table of recipes says what the result files say")
    if table:
        write_table(series)
        return typer.echo(f"written: {series.table}")
    keep_freed_memory()
    files = RecipeFiles(options.path.parent, options.ext_var or (), options.allow_imports or ())
    failures = run_series(series, files, _names(only), terminal_progress())
    typer.echo(f"results: {series.results}, table: {series.table}")
    if failures:
        raise UserError("\n".join(f"{name} failed: {message}" for name, message in failures.items()))


@app.command()
@spread
def synthetic(
    options: ExperimentOptions,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Trainings at once; one a core by default.")] = None,
    table: Annotated[bool, typer.Option("--table", help="Run nothing; report what is done.")] = False,
) -> None:
    """Train models on formal languages and associative recall; what is done is not done again."""
    from elmo_xlstm.synthetic.grid import SyntheticSettings, read_cells, run_grid
    from elmo_xlstm.synthetic.report import write_report

    refuse_several_processes("synthetic")
    settings = options.load(SyntheticSettings)
    command = shlex.join(this_command(*sys.argv[1:]))
    results = read_cells(settings) if table else run_grid(settings, command, jobs, terminal_progress())
    if not results:
        raise UserError(f"{settings.output}: no result yet; run without --table")
    for path in write_report(results, Path(settings.output)):
        typer.echo(f"written: {path}")


@app.command()
def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="Directory of a pretraining run; with --onnx also a head, with either any model's name."
        ),
    ],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The new model directory.")],
    storage: Annotated[
        str, typer.Option("--format", help="Numbers of the weights: fp16, fp32, or int8. Computation is in fp32.")
    ] = "fp16",
    step: Annotated[
        int | None, typer.Option("--step", min=1, help="Take this checkpoint; the run's best by default.")
    ] = None,
    score: Annotated[
        list[Path] | None,
        typer.Option(
            "--score", metavar="FILE", help="Text file, a document a line, to score the model on. Repeatable."
        ),
    ] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write an ONNX graph, which is used without torch.")] = False,
    static: Annotated[
        Literal["token", "contextual"] | None,
        typer.Option("--static", help="Write static vectors of pieces for model2vec: of the token layer, or of all."),
    ] = None,
    texts: Annotated[
        Path | None, typer.Option("--texts", metavar="FILE", help="Texts that contextual vectors are averaged over.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a model that is there.")] = False,
) -> None:
    """Write a pretrained model for embedding alone: small, with checksums, without soft-max weights."""
    if onnx or static is not None:
        return _export_elsewhere(str(run), target, static, texts, force)
    from elmo_xlstm.embedding.export import STORAGE_FORMATS, export_model
    from elmo_xlstm.environment import git_commit, installed_versions
    from elmo_xlstm.lm.pretraining_record import portable
    from elmo_xlstm.tasks.data.readers.new_text import read_sentences

    if storage not in STORAGE_FORMATS:
        raise UserError(f"--format {storage}: expected {' or '.join(STORAGE_FORMATS)}")
    sample = Path(__file__).parent / "tasks" / "sample" / "text" / "running.txt"
    sentences = [sentence.words for sentence in read_sentences(sample, strict=False)]
    command = shlex.join(this_command(*portable(sys.argv[1:])))
    facts = {"command": command, "git_commit": git_commit(), "versions": installed_versions()}
    written = export_model(run, target, sentences, storage, step, score or (), facts, force)
    typer.echo(f"{written.parameters:,} parameters, {written.bytes / 1e6:.1f} MB in {storage}")
    difference = written.difference
    typer.echo(
        f"word vectors of the sample: {100 * difference.largest:.3f} % off at most, {100 * difference.mean:.3f} % on "
        "average"
    )
    for name, scored in written.scores.items():
        for value, number in scored.as_dict().items():
            typer.echo(f"{name}, {value.replace('_', ' ')}: {number:.4f}")
    typer.echo(f"model: {target}")


def _export_elsewhere(
    model: str, target: Path, static: Literal["token", "contextual"] | None, texts: Path | None, force: bool
) -> None:
    """Write a model for other programs: static vectors, or else an ONNX graph."""
    if static is None:
        from elmo_xlstm.tasks.onnx_export import export_onnx

        include(None)
        kind = export_onnx(model, target, force)
    else:
        from elmo_xlstm.embedding import ElmoEmbedder
        from elmo_xlstm.export.static import export_static
        from elmo_xlstm.tasks.data.readers.numbered_text import read_numbered

        kind = f"static vectors, {static}"
        sentences = (row.words for row in read_numbered(texts)) if texts is not None else ()
        export_static(ElmoEmbedder.from_pretrained(model), target, static, sentences, force)
    typer.echo(f"{kind}: {target}")


@app.command()
def leaderboard(
    results: Results = Path("results"),
    against: Annotated[
        str | None,
        typer.Option("--against", metavar="MODEL", help="Row that others are tested against; no-bilm if measured."),
    ] = None,
    published: Annotated[
        Path | None,
        typer.Option("--published", help="CSV of further published scores: task,metric,model,value,source."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Fail if tables or pictures are not what the result files say.")
    ] = False,
) -> None:
    """Write the leaderboard (Markdown, CSV, HTML, plots) from the result files, and print it."""
    from elmo_xlstm.evaluation.leaderboard import build_board, check_leaderboard, leaderboard_tables, write_leaderboard
    from elmo_xlstm.evaluation.published import read_own_published, read_published
    from elmo_xlstm.evaluation.results import load_results

    scores = [*read_published(), *(read_own_published(published) if published is not None else ())]
    board = build_board(load_results(results), scores, against)
    if check:
        differences = check_leaderboard(board, results)
        if differences:
            options = ["--results", str(results)] if results != Path("results") else []
            options += ["--against", against] if against is not None else []
            options += ["--published", str(published)] if published is not None else []
            again = shlex.join(this_command("leaderboard", *options))
            raise UserError("\n".join([*differences, f"Write them anew: {again}"]))
        typer.echo(f"{results}: the tables say what the result files say")
        return
    paths = write_leaderboard(board, results)
    console.print(leaderboard_tables(board))
    *pictures, _, _, _ = paths
    if pictures:
        typer.echo(f"written: {pictures[0].parent} ({len(pictures)} pictures)")
    for path in paths[len(pictures) :]:
        typer.echo(f"written: {path}")


@app.command()
def schema(
    kind: Annotated[str, typer.Argument(help="tokenizer, pretrain, finetune or suite.")],
    include_package: IncludePackage = None,
) -> None:
    """Print the JSON Schema of an experiment, for editors to complete and check by."""
    from elmo_xlstm.lm.pretraining_settings import PretrainSettings
    from elmo_xlstm.tasks.finetuning import FinetuneSettings
    from elmo_xlstm.tasks.suite.settings import SuiteSettings
    from elmo_xlstm.text.tokenizer_training import TokenizerSettings

    kinds: dict[str, type[Settings]] = {
        "tokenizer": TokenizerSettings,
        "pretrain": PretrainSettings,
        "finetune": FinetuneSettings,
        "suite": SuiteSettings,
    }
    include(include_package)
    if kind not in kinds:
        raise UserError(f"{kind}: no kind of experiment; expected {', '.join(kinds)}")
    typer.echo(json.dumps(kinds[kind].model_json_schema(), indent=2))


@app.command()
def check(
    model: Annotated[Path | None, typer.Argument(help="A model or run directory to look at as well.")] = None,
) -> None:
    """Show versions, devices, optional parts and where data is looked for."""
    from elmo_xlstm.tasks.check import report

    for title, rows in report(model).items():
        typer.echo(f"{title}:")
        for name, value in rows.items():
            typer.echo(f"  {name}: {value}")


def _names(options: list[str] | None) -> list[str]:
    return [name.strip() for option in options or () for name in option.split(",") if name.strip()]


app.add_typer(workbench)


def main() -> None:
    """Run a command."""
    run_command(app)


if __name__ == "__main__":
    main()
