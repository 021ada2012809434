"""The command line: ``python cli.py COMMAND --help``."""

from __future__ import annotations

import importlib
import json
import logging
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.logging import RichHandler

from elmo_xlstm.config import Settings, apply_overrides, evaluate_jsonnet, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.progress import Progress, make_progress

app = typer.Typer(
    help="Pretrain bidirectional mLSTM language models, and train and score task heads on them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)

console = Console()
messages = Console(stderr=True)

INTERRUPTED = 130

ConfigFile = Annotated[Path, typer.Argument(metavar="CONFIG", help="Experiment file (.jsonnet).")]
RunDirectory = Annotated[Path, typer.Argument(metavar="RUN", help="Directory of a finished run.")]
Override = Annotated[
    list[str] | None,
    typer.Option("--override", "-o", metavar="KEY=VALUE", help="Change a setting: -o trainer.epochs=3. Repeatable."),
]
ExtVar = Annotated[
    list[str] | None, typer.Option("--ext-var", metavar="NAME=VALUE", help="Value of std.extVar. Repeatable.")
]
Output = Annotated[Path | None, typer.Option("--output", help="Directory of the run, instead of the experiment's.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a run that is there.")]
Resume = Annotated[bool, typer.Option("--resume", help="Continue the run that is there.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Build everything and show it; train nothing.")]
IncludePackage = Annotated[
    list[str] | None,
    typer.Option("--include-package", metavar="MODULE", help="Import a module that registers components. Repeatable."),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Instead of the experiment's seed.")]
Results = Annotated[Path, typer.Option("--results", help="Directory of result files.")]


@app.command()
def tokenizer(
    config: ConfigFile,
    override: Override = None,
    ext_var: ExtVar = None,
    output: Output = None,
    force: Force = False,
    dry_run: DryRun = False,
    include_package: IncludePackage = None,
) -> None:
    """Train a WordPiece vocabulary on a text source."""
    from elmo_xlstm.run_directory import open_run
    from elmo_xlstm.text.tokenizer_experiment import TokenizerSettings, run_tokenizer_training

    _refuse_several_processes("tokenizer")
    settings = _load(TokenizerSettings, config, override, ext_var, include_package, output=output)
    if dry_run:
        return _show(settings, {})
    directory = Path(settings.output)
    open_run(directory, settings.model_dump(mode="json"), force=force)
    trained = run_tokenizer_training(settings, directory, _progress())
    typer.echo(f"{trained.vocab_size:,} pieces, lower_case={trained.lower_case}: {directory}")


@app.command()
def pretrain(
    config: ConfigFile,
    override: Override = None,
    ext_var: ExtVar = None,
    output: Output = None,
    force: Force = False,
    resume: Resume = False,
    dry_run: DryRun = False,
    include_package: IncludePackage = None,
    seed: Seed = None,
) -> None:
    """Pretrain a language model."""
    from elmo_xlstm.lm.distributed import Processes
    from elmo_xlstm.lm.pretraining import describe_pretraining, run_pretraining
    from elmo_xlstm.lm.pretraining_settings import FREE_ON_RESUME, PretrainSettings
    from elmo_xlstm.run_directory import open_run

    processes = Processes()
    if not processes.is_main:
        _be_quiet()
    progress = _progress() if processes.is_main else None
    with processes.together():
        settings = _load(PretrainSettings, config, override, ext_var, include_package, output=output, seed=seed)
    directory = Path(settings.output)
    if not dry_run:
        stored = settings.model_dump(mode="json")
        processes.run_on_main(lambda: open_run(directory, stored, force=force, resume=resume, free=FREE_ON_RESUME))
        validation = run_pretraining(settings, directory, resume, progress)
    else:
        sizes = describe_pretraining(settings, progress)
    processes.leave()
    if not processes.is_main:
        return
    if dry_run:
        return _show(settings, sizes)
    for name, value in validation.as_dict().items():
        typer.echo(f"{name.replace('_', ' ')}: {value:.4f}")
    typer.echo(f"model: {directory / 'model'}")


@app.command()
def finetune(
    config: ConfigFile,
    override: Override = None,
    ext_var: ExtVar = None,
    output: Output = None,
    force: Force = False,
    resume: Resume = False,
    dry_run: DryRun = False,
    include_package: IncludePackage = None,
    seed: Seed = None,
) -> None:
    """Train a task head and score it on the test split."""
    from elmo_xlstm.run_directory import open_run
    from tasks.finetuning import FinetuneSettings, describe_finetuning, run_finetuning

    _refuse_several_processes("finetune")
    settings = _load(FinetuneSettings, config, override, ext_var, include_package, output=output, seed=seed)
    if dry_run:
        return _show(settings, describe_finetuning(settings))
    open_run(settings.directory, settings.model_dump(mode="json"), force=force, resume=resume)
    command = shlex.join(["python", "cli.py", *sys.argv[1:]])
    result = run_finetuning(settings, settings.directory, command, resume, _progress())
    for name, value in result.metrics.items():
        typer.echo(f"test {name}: {100 * value:.2f}")
    typer.echo(f"run: {settings.directory}")


@app.command()
def evaluate(
    run: RunDirectory,
    split: Annotated[str, typer.Option("--split", help="train, valid or test of the task's own data.")] = "test",
    data: Annotated[Path | None, typer.Option("--data", help="A labelled file of the same form instead.")] = None,
    include_package: IncludePackage = None,
) -> None:
    """Score a trained head, as JSON."""
    from tasks.finetuning import FinishedRun

    if split not in ("train", "valid", "test"):
        raise UserError(f"--split {split}: expected train, valid or test")
    _include(include_package)
    scores = FinishedRun(run).evaluate(split, data, _progress())
    typer.echo(json.dumps(scores, indent=2, ensure_ascii=False))


@app.command()
def predict(
    run: RunDirectory,
    source: Annotated[
        Path, typer.Argument(metavar="INPUT", help="Plain text, a sentence a line, or .jsonl with words or text.")
    ],
    output: Annotated[Path | None, typer.Option("--output", help="JSON-lines file; standard output if absent.")] = None,
    include_package: IncludePackage = None,
) -> None:
    """Predict with a trained head: JSON lines, a prediction for every word."""
    from elmo_xlstm.atomic import write_atomically
    from tasks.finetuning import FinishedRun

    _include(include_package)
    rows = FinishedRun(run).predict(source, _progress() if output else None)
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    if output is None:
        typer.echo("".join(lines), nl=False)
    else:
        write_atomically(output, "".join(lines).encode())
        typer.echo(f"{len(lines)} sentences: {output}")


@app.command()
def leaderboard(
    results: Results = Path("results"),
    check: Annotated[
        bool, typer.Option("--check", help="Fail if the tables are not what the result files say.")
    ] = False,
) -> None:
    """Write the leaderboard (Markdown, CSV, HTML) from the result files, and print it."""
    from elmo_xlstm.evaluation.leaderboard import check_leaderboard, leaderboard_table, write_leaderboard
    from elmo_xlstm.evaluation.results import load_results

    if check:
        differences = check_leaderboard(results)
        if differences:
            raise UserError("\n".join([*differences, "Write them anew: python cli.py leaderboard"]))
        typer.echo(f"{results}: the tables say what the result files say")
        return
    paths = write_leaderboard(results)
    console.print(leaderboard_table(load_results(results)))
    for path in paths:
        typer.echo(f"written: {path}")


@app.command()
def schema(
    kind: Annotated[str, typer.Argument(help="tokenizer, pretrain or finetune.")],
    include_package: IncludePackage = None,
) -> None:
    """Print the JSON Schema of an experiment, for editors to complete and check by."""
    from elmo_xlstm.lm.pretraining_settings import PretrainSettings
    from elmo_xlstm.text.tokenizer_experiment import TokenizerSettings
    from tasks.finetuning import FinetuneSettings

    kinds: dict[str, type[Settings]] = {
        "tokenizer": TokenizerSettings,
        "pretrain": PretrainSettings,
        "finetune": FinetuneSettings,
    }
    _include(include_package)
    if kind not in kinds:
        raise UserError(f"{kind}: no kind of experiment; expected {', '.join(kinds)}")
    typer.echo(json.dumps(kinds[kind].model_json_schema(), indent=2))


@app.command()
def check(
    model: Annotated[Path | None, typer.Argument(help="A model or run directory to look at as well.")] = None,
) -> None:
    """Show versions, devices, optional parts and where data is looked for."""
    from tasks.check import report

    for title, rows in report(model).items():
        typer.echo(f"{title}:")
        for name, value in rows.items():
            typer.echo(f"  {name}: {value}")


def _load(
    settings_class: type[Settings],
    config: Path,
    override: list[str] | None,
    ext_var: list[str] | None,
    include_package: list[str] | None,
    **replaced: Any,
) -> Any:
    """Evaluate, override and validate an experiment; ``replaced`` are options with a name of their own."""
    _include(include_package)
    variables = {}
    for item in ext_var or []:
        name, equals, value = item.partition("=")
        if not name or not equals:
            raise UserError(f"--ext-var {item}: expected NAME=VALUE")
        variables[name] = value
    values = apply_overrides(evaluate_jsonnet(config, variables), override or [])
    values |= {
        name: str(value) if isinstance(value, Path) else value for name, value in replaced.items() if value is not None
    }
    return validate(settings_class, values, origin=str(config))


def _include(modules: list[str] | None) -> None:
    sys.path.insert(0, str(Path.cwd()))
    for name in ("tasks.tagging", *(modules or [])):
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UserError(f"--include-package {name}: cannot be imported: {error}") from None


def _show(settings: Settings, sizes: dict[str, Any]) -> None:
    typer.echo(json.dumps({"configuration": settings.model_dump(mode="json"), **sizes}, indent=2, ensure_ascii=False))


def _progress() -> Progress:
    return make_progress(messages)


def _set_up_logging() -> None:
    if messages.is_terminal:
        handler: logging.Handler = RichHandler(console=messages, show_path=False, show_level=False)
        handler.setFormatter(logging.Formatter("%(message)s"))
    else:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    for name in ("elmo_xlstm", "tasks"):
        logging.getLogger(name).setLevel(logging.INFO)


def _refuse_several_processes(command: str) -> None:
    """What is made for one process is not started by a launcher of many, which would all write the same files."""
    if "LOCAL_RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        if os.environ.get("RANK") != "0":
            sys.exit(1)  # the first one says why
        raise UserError(f"{command} runs in one process; start it without torchrun or accelerate launch")


def _be_quiet() -> None:
    """One of several processes that do the same: only what is wrong here is worth a line."""
    for name in ("elmo_xlstm", "tasks"):
        logging.getLogger(name).setLevel(logging.WARNING)


def main() -> None:
    """Run a command; what is the user's to mend is one message, never a traceback."""
    _set_up_logging()
    try:
        app(standalone_mode=True)
    except UserError as error:
        messages.print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # typer has caught the KeyboardInterrupt
            messages.print("interrupted; go on with --resume", style="yellow")
        raise


if __name__ == "__main__":
    main()
