"""Options that commands share: classes whose fields become options of a command."""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from elmo_xlstm.config import Settings, SettingsT, find_experiment, load_experiment, read_experiment

IncludePackage = Annotated[
    list[str] | None,
    typer.Option(
        "--include-package",
        metavar="MODULE",
        help="Import and run a module that registers components; no other code of others is ever run. Repeatable.",
    ),
]
RunDirectory = Annotated[Path, typer.Argument(metavar="RUN", help="Directory of a finished run.")]
Results = Annotated[Path, typer.Option("--results", help="Directory of result files.")]


@dataclass(frozen=True)
class FileOptions:
    """An experiment file, and how it is evaluated."""

    config: Annotated[
        Path,
        typer.Argument(metavar="CONFIG", help="Experiment file (.jsonnet), or a shipped one's name."),
    ]
    ext_var: Annotated[
        list[str] | None, typer.Option("--ext-var", metavar="NAME=VALUE", help="Value of std.extVar. Repeatable.")
    ] = None
    allow_imports: Annotated[
        list[Path] | None,
        typer.Option(
            "--allow-imports", metavar="DIR", help="The experiment may import files of DIR beside its own. Repeatable."
        ),
    ] = None

    @property
    def path(self) -> Path:
        """The experiment file."""
        return find_experiment(self.config)

    def read(self) -> dict[str, Any]:
        """Evaluate the file to plain values."""
        return read_experiment(self.path, self.ext_var or (), self.allow_imports or ())


@dataclass(frozen=True)
class ExperimentOptions(FileOptions):
    """An experiment file with changes, and the components that it may name."""

    override: Annotated[
        list[str] | None,
        typer.Option(
            "--override", "-o", metavar="KEY=VALUE", help="Change a setting: -o trainer.epochs=3. Repeatable."
        ),
    ] = None
    include_package: IncludePackage = None

    def load(self, settings_class: type[SettingsT], **replaced: Any) -> SettingsT:
        """Evaluate, override and validate; ``replaced`` are settings that an option of their own gives."""
        include(self.include_package)
        files = self.ext_var or (), self.allow_imports or ()
        return load_experiment(settings_class, self.path, self.override or (), *files, **replaced)


@dataclass(frozen=True)
class SuiteOptions(ExperimentOptions):
    """Many experiments in one file."""

    config: Annotated[
        Path, typer.Argument(metavar="SUITE", help="Suite file (.jsonnet), or an experiment: its seeds or folds.")
    ]


@dataclass(frozen=True)
class SeriesOptions(FileOptions):
    """Recipes in one file."""

    config: Annotated[Path, typer.Argument(metavar="SERIES", help="File that lists the recipes (.jsonnet).")]


@dataclass(frozen=True)
class RunOptions(ExperimentOptions):
    """An experiment that fills a directory."""

    output: Annotated[
        Path | None, typer.Option("--output", help="Directory of the run, instead of the experiment's.")
    ] = None
    force: Annotated[bool, typer.Option("--force", help="Replace what an earlier run wrote.")] = False
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Build everything and show it; train nothing.")] = False


@dataclass(frozen=True)
class TrainingOptions(RunOptions):
    """A training that can be resumed."""

    resume: Annotated[bool, typer.Option("--resume", help="Continue the run that is there.")] = False
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Instead of the experiment's seed.")] = None


def spread(command: Callable[..., None]) -> Callable[..., None]:
    """Take the fields of a command's first parameter, a class of options, as options of the command itself."""
    first, *own = inspect.signature(command, eval_str=True).parameters.values()
    shared = inspect.signature(first.annotation, eval_str=True).parameters

    @functools.wraps(command)
    def called(**given: Any) -> None:
        command(first.annotation(**{name: given.pop(name) for name in shared}), **given)

    parameters = [option.replace(kind=inspect.Parameter.KEYWORD_ONLY) for option in (*shared.values(), *own)]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return called


def include(modules: Sequence[str] | None) -> None:
    """Register all tasks, and what the modules register."""
    from elmo_xlstm.tasks.registry import register_tasks

    register_tasks(modules or ())


def show_settings(settings: Settings, sizes: dict[str, Any]) -> None:
    """Print the configuration and sizes, as JSON."""
    typer.echo(json.dumps({"configuration": settings.model_dump(mode="json"), **sizes}, indent=2, ensure_ascii=False))
