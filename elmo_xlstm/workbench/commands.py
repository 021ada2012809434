"""Commands for data of one's own and for developing a model."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from elmo_xlstm.config import apply_overrides, find_experiment, read_experiment
from elmo_xlstm.errors import UserError, printable
from elmo_xlstm.options import ExperimentOptions, IncludePackage, RunDirectory, include, spread
from elmo_xlstm.terminal import console, terminal_progress, this_command

app = typer.Typer()


@app.command()
def init(
    data: Annotated[
        list[Path],
        typer.Argument(metavar="DATA...", help="All of the data in one file, or files of train, valid and test."),
    ],
    task: Annotated[
        str | None, typer.Option("--task", help="tagging, classification, aspects, pairs or question; else its looks.")
    ] = None,
    text: Annotated[
        list[str] | None,
        typer.Option("--text-column", metavar="NAME", help="Column of texts or words, or its number. Twice for pairs."),
    ] = None,
    label: Annotated[
        list[str] | None,
        typer.Option("--label-column", metavar="NAME", help="Column of labels or tags. Repeatable, for aspects."),
    ] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="csv, tsv, jsonl, conll or parquet; else by the ending.")
    ] = None,
    separator: Annotated[str | None, typer.Option("--separator", help="What stands between columns.")] = None,
    header: Annotated[
        bool | None, typer.Option("--header/--no-header", help="Whether the first row names the columns.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Of the task and its files; else the data's.")] = None,
    output: Annotated[Path, typer.Option("--output", help="Directory of the experiment.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace an experiment of that name.")] = False,
) -> None:
    """Look at data, say what they are, and write an experiment and its twin without the language model."""
    from elmo_xlstm.workbench.guess import Said
    from elmo_xlstm.workbench.starting import report, start

    include(())
    said = Said(task, tuple(text or ()), tuple(label or ()), form, separator, header)
    for line in report(start(data, said, name, output, force)):
        typer.echo(printable(line))


@app.command()
def errors(
    run: RunDirectory,
    split: Annotated[str, typer.Option("--split", help="train, valid or test of the run's own data.")] = "valid",
    data: Annotated[Path | None, typer.Option("--data", help="A labelled file of the same form instead.")] = None,
    output: Annotated[Path | None, typer.Option("--output", help="The page; else errors-SPLIT.html in RUN.")] = None,
    include_package: IncludePackage = None,
) -> None:
    """Write a page of a run's mistakes: spans by what is wrong with them, labels by what they were taken for."""
    from elmo_xlstm.tasks.predict import FinishedRun
    from elmo_xlstm.workbench.error_page import write_errors

    if split not in ("train", "valid", "test"):
        raise UserError(f"--split {split}: expected train, valid or test")
    include(include_package)
    name = "data" if data is not None else split
    path = output or run / f"errors-{name}.html"
    mistakes = write_errors(FinishedRun(run), split, data, path, terminal_progress())
    for kind, count in sorted(Counter(mistake.kind for mistake in mistakes).items()):
        typer.echo(f"{kind}: {count}")
    typer.echo(f"written: {path}")


@app.command()
def plot(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Directories of finished runs, drawn together.")],
    output: Annotated[Path | None, typer.Option("--output", help="Directory; else plots in the first RUN.")] = None,
) -> None:
    """Draw training curves, layer weights, F1 of each type and confusion of runs."""
    from elmo_xlstm.workbench.run_plots import plot_runs

    for path in plot_runs(runs, output or runs[0] / "plots"):
        typer.echo(f"written: {path}")


config = typer.Typer(help="Show all settings of an experiment, or what two differ in.", no_args_is_help=True)
app.add_typer(config, name="config")


@config.command()
@spread
def show(options: ExperimentOptions) -> None:
    """Print all settings of an experiment, validated, as jsonnet; what is not given in it is marked as a default."""
    from elmo_xlstm.workbench import settings_text

    include(options.include_package)
    values, overrides = options.read(), options.override or ()
    resolved = settings_text.resolve(values, str(options.config), overrides)
    for line in settings_text.show(apply_overrides(values, overrides), resolved):
        typer.echo(printable(line))


@config.command()
def diff(
    one: Annotated[Path, typer.Argument(metavar="A", help="An experiment, or the directory of a run.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="Another.")],
    include_package: IncludePackage = None,
) -> None:
    """Print the settings that two experiments or runs differ in, defaults included."""
    from elmo_xlstm.runs.run_directory import read_config
    from elmo_xlstm.workbench import settings_text

    include(include_package)
    resolved = []
    for path in (one, other):
        values = read_config(path) if path.is_dir() else read_experiment(find_experiment(path))
        resolved.append(settings_text.resolve(values, str(path)))
    for line in settings_text.changes(*resolved):
        typer.echo(printable(line))


@app.command()
@spread
def search(
    options: ExperimentOptions,
    trials: Annotated[int, typer.Option("--trials", min=1, help="How many, with those that are done.")] = 20,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the values that are tried.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", help="Directory; runs/search/TASK/MODEL by default.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Begin anew.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check and show what would be tried.")] = False,
) -> None:
    """Try values of settings, scored on validation data; the same command goes on with a search that was stopped."""
    from rich.table import Table

    from elmo_xlstm.machine import keep_freed_memory
    from elmo_xlstm.workbench import searching

    include(options.include_package)
    values = apply_overrides(options.read(), options.override or ())
    settings = searching.read_search(values, output, seed, str(options.config))
    if dry_run:
        done = searching.list_trials(settings)
        typer.echo(f"{max(0, trials - len(done))} of {trials} trials to do in {settings.directory}, over")
        for key, span in settings.search.items():
            typer.echo(f"  {key}: {span.model_dump_json(exclude_defaults=True)}")
        return
    keep_freed_memory()
    found = searching.run_search(settings, trials, force, terminal_progress())
    table = Table("trial", "validation", *settings.search)
    for trial in sorted(found, key=lambda trial: (trial.score is None, -(trial.score or 0), trial.number)):
        score = "failed" if trial.score is None else f"{100 * trial.score:.2f}"
        table.add_row(str(trial.number), score, *(trial.parameters.get(key, "") for key in settings.search))
    console.print(table)
    if searching.best_of(found) is None:
        raise UserError(f"{settings.directory}: no trial has a score; the log says why")
    typer.echo(f"all trials: {settings.directory / searching.TABLE}")
    best = str(settings.directory / searching.BEST)
    typer.echo(f"the best one: {shlex.join(this_command('finetune', best))}")


@app.command("find-lr")
@spread
def find_lr(
    options: ExperimentOptions,
    low: Annotated[float, typer.Option("--low", help="The rate of the first step.")] = 1e-6,
    high: Annotated[float, typer.Option("--high", help="The rate of the last step.")] = 1.0,
    steps: Annotated[int, typer.Option("--steps", min=2, help="Between them.")] = 100,
    output: Annotated[Path, typer.Option("--output", help="The plot, SVG.")] = Path("runs/learning-rate.svg"),
) -> None:
    """Train a head with a learning rate that rises until training fails, and draw the loss."""
    from elmo_xlstm.tasks.finetuning import FinetuneSettings
    from elmo_xlstm.workbench.learning_rate import find_rate

    settings = options.load(FinetuneSettings)
    measured = find_rate(settings, low, high, steps, output, terminal_progress())
    typer.echo(
        f"the loss is least at {measured.least:.1e}; suggested: -o trainer.learning_rate={measured.suggested:.1e}"
    )
    typer.echo(f"written: {output}")
