"""Commands for data of one's own and for developing a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from elmo_xlstm.errors import printable
from elmo_xlstm.options import include

app = typer.Typer()


@app.command()
def init(
    data: Annotated[
        list[Path],
        typer.Argument(metavar="DATA...", help="All of the data in one file, or files of train, valid and test."),
    ],
    task: Annotated[
        str | None, typer.Option("--task", help="tagging, classification, aspects or pairs; else what it looks like.")
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
