"""The command line: ``python -m benchmarks COMMAND``."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bundled import measure_bundled
from benchmarks.busy import measure_busy
from benchmarks.checks import FAILED
from benchmarks.cost import cost_tables
from benchmarks.gpu import measure_gpu
from benchmarks.memory import measure_memory
from benchmarks.report import result_table, write_pages
from benchmarks.results import Result, read_results, table_rows, write_result
from benchmarks.session import Session
from benchmarks.sizes import SIZES
from benchmarks.soak import slopes, soak, summary
from benchmarks.training import measure_training
from elmo_xlstm.errors import UserError

app = typer.Typer(add_completion=False, no_args_is_help=True, help="Speed and memory beside other systems.")
RESULTS = Path("benchmarks/results")
PAGES = [Path("docs/performance.md"), Path("docs/scaling.md")]
OutputOption = Annotated[Path, typer.Option(help="Directory of the stored results.")]
SizeName = Enum("SizeName", {name: name for name in SIZES}, type=str)  # type: ignore[misc]
SizeOption = Annotated[SizeName, typer.Option(help="Model size: base is the model card's.")]
BASE = SizeName("base")
# An H100's peak in bf16 without sparsity, the fraction of it that is assumed, and the efficiency of several GPUs.
PEAK, MFU, EFFICIENCY = 989.0, 0.3, 0.9


def _add(name: str, measure: Callable[[Session], Result], description: str) -> None:
    """Add a command that measures, shows and stores."""

    @app.command(name, help=description)
    def command(
        size: SizeOption = BASE,
        batch: Annotated[int | None, typer.Option(min=1, help="Windows of a step; the size's own.")] = None,
        length: Annotated[int | None, typer.Option(min=2, help="Tokens of a window; the size's own.")] = None,
        threads: Annotated[int | None, typer.Option(min=1, help="Of torch; its own choice by default.")] = None,
        repeats: Annotated[int, typer.Option(min=1, help="Timed calls of each contender.")] = 7,
        device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")] = "cuda" if name == "gpu" else "cpu",
        only: Annotated[list[str] | None, typer.Option(help="A contender to measure; repeatable.")] = None,
        part: Annotated[str, typer.Option(help="Name of a table of --only some contenders.")] = "",
        precision: Annotated[list[str] | None, typer.Option(help="fp32 or bf16; repeatable.")] = None,
        sentences: Annotated[
            Path | None, typer.Option(help="CoNLL, JSON lines or plain text to embed; the bundled sample.")
        ] = None,
        most: Annotated[int | None, typer.Option(min=1, help="Sentences, drawn evenly from the file.")] = 128,
        output: OutputOption = RESULTS,
    ) -> None:
        if not re.fullmatch(r"[a-z0-9_]*", part):
            raise UserError(f"--part {part}: is for a file's name; expected small letters, digits and underscores")
        if threads is not None:
            torch.set_num_threads(threads)
        torch.manual_seed(0)
        shape = SIZES[size.value]
        session = Session(
            replace(shape, batch=batch or shape.batch, length=length or shape.length),
            repeats,
            _device(device),
            torch.get_num_threads(),
            only=tuple(only or ()),
            wanted=tuple(precision or ()),
            sentences=sentences,
            most=most,
            part=part,
            output=output,
        )
        result = measure(session)
        path = write_result(result, output)
        _show(result)
        _say(f"stored in {path}")
        if any(note.startswith(FAILED) for note in result.notes):
            raise UserError("a check failed; the timings say nothing until it passes")


def _device(name: str) -> torch.device:
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {name}: cannot be used ({str(error).splitlines()[0]})") from None
    return device


def _show(result: Result) -> None:
    headings, rows = table_rows(result)
    table = Table(title=f"{result.command}, {result.size}, {result.device}, {result.threads} threads")
    for index, heading in enumerate(headings):
        table.add_column(heading, justify="left" if index == 0 else "right", no_wrap=index == 0)
    for row in rows:
        table.add_row(*row)
    console = Console()
    if not console.is_terminal:
        console.width = 200  # a log file wraps nothing
    console.print(table)
    for note in result.notes:
        _say(note)


def _say(line: str) -> None:
    Console().print(line, markup=False, highlight=False, soft_wrap=True)


MEASUREMENTS: dict[str, tuple[Callable[[Session], Result], str]] = {
    "training": (measure_training, "One optimizer step of every contender, interleaved."),
    "memory": (measure_memory, "Peak memory of a step, each contender in its own process."),
    "bundled": (measure_bundled, "The model that the package carries, beside BERT-base; one core beside all."),
    "busy": (measure_busy, "An optimizer step beside a process that takes a core: threads that sleep, or spin."),
    "gpu": (measure_gpu, "Checks of results, then training with tuned batches; fails if a check fails."),
}
for _name, (_measure, _help) in MEASUREMENTS.items():
    _add(_name, _measure, _help)


@app.command()
def cost(
    size: SizeOption = BASE,
    peak: Annotated[float, typer.Option(help="Peak of one GPU in TFLOP/s; an H100's in bf16 without sparsity.")] = PEAK,
    mfu: Annotated[float, typer.Option(min=0.01, max=1, help="Fraction of the peak that is assumed.")] = MFU,
    efficiency: Annotated[float, typer.Option(min=0.01, max=1, help="Of several GPUs, assumed.")] = EFFICIENCY,
    output: OutputOption = RESULTS,
) -> None:
    """Time of pretraining by tokens and devices: at a CPU's stored speed, and at an assumed one of GPUs."""
    for name, table in cost_tables(read_results(output), SIZES[size.value], peak * 1e12, mfu, efficiency).items():
        _say(f"\n{name}:\n\n{table}")


@app.command("soak")
def soak_command(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long; half an hour tells a leak from noise.")] = 30,
) -> None:
    """Pretraining steps and embedding requests at tiny size; fails if memory or open files grow."""
    samples = soak(60 * minutes)
    growth = slopes(samples)
    _say(summary(samples, growth))
    if problems := growth.problems():
        raise UserError("; ".join(problems))


@app.command()
def report(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; fail if a table is not up to date.")] = False,
    output: OutputOption = RESULTS,
    page: Annotated[list[Path] | None, typer.Option(help="With markers for the tables; repeatable.")] = None,
) -> None:
    """Write the tables of the stored results, and of what pretraining costs, into the documentation."""
    results = read_results(output)
    tables = {result.name: result_table(result) for result in results}
    write_pages(page or PAGES, tables | cost_tables(results, SIZES["base"], PEAK * 1e12, MFU, EFFICIENCY), check)


def main() -> None:
    """Run a command; an error of the user's is one message, never a traceback."""
    try:
        app()
    except UserError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
