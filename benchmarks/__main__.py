"""The command line: ``python -m benchmarks COMMAND``."""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Callable
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.bundled import measure_bundled
from benchmarks.busy import measure_busy
from benchmarks.cost import assumed_speed, costs, exchanges, measured_speed, told_exchanges
from benchmarks.cost import told as told_costs
from benchmarks.crf import measure_crf
from benchmarks.embedding import measure_embedding
from benchmarks.gpu import measure_gpu
from benchmarks.length import measure_lengths
from benchmarks.machine import measure_machine
from benchmarks.memory import measure_memory, measure_memory_lengths
from benchmarks.preparation import measure_preparation
from benchmarks.quality import Training, measure_quality, read_corpus
from benchmarks.report import write_report
from benchmarks.results import Result, read_results, table_rows, write_result
from benchmarks.sentences import make_tokenizer, read_sentences
from benchmarks.session import Session
from benchmarks.shapes import measure_batches, measure_training_lengths
from benchmarks.sizes import SIZES
from benchmarks.soak import slopes, soak, told
from benchmarks.softmax import measure_softmax
from benchmarks.store import measure_store
from benchmarks.training import measure_training
from elmo_xlstm.errors import UserError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="Speed and memory, side by side with other systems in one process."
)

SizeName = Enum("SizeName", {name: name for name in SIZES}, type=str)  # type: ignore[misc]
SizeOption = Annotated[SizeName, typer.Option(help="Model size: base is the model card's.")]
ThreadsOption = Annotated[int | None, typer.Option(min=1, help="Threads of torch; its own choice by default.")]
RepeatsOption = Annotated[int, typer.Option(min=1, help="Timed calls of each contender.")]
OutputOption = Annotated[Path, typer.Option(help="Directory of the stored results.")]
DeviceOption = Annotated[str, typer.Option(help="cpu, cuda, cuda:1, ...")]
OnlyOption = Annotated[list[str] | None, typer.Option(help="Name of a contender to measure; repeatable.")]
PartOption = Annotated[
    str, typer.Option(help="Name of a table of --only some contenders, stored beside the one of all, not in its place.")
]
PrecisionOption = Annotated[list[str] | None, typer.Option(help="fp32 or bf16; repeatable. All by default.")]
SentencesOption = Annotated[
    Path | None, typer.Option(help="CoNLL (words in the first column), JSON lines or plain text; the bundled sample.")
]
TokenizerOption = Annotated[
    str | None, typer.Option(help="Directory, file or hub name; by default one made of the sample and the sentences.")
]
MostOption = Annotated[
    int | None, typer.Option(min=1, help="Sentences at most, drawn evenly from the file; all if the file has fewer.")
]
RESULTS = Path("benchmarks/results")
BASE = SizeName("base")
MINI = SizeName("mini")


def _session(
    size: SizeName,
    threads: int | None,
    repeats: int,
    device: str,
    only: list[str] | None = None,
    precision: list[str] | None = None,
) -> Session:
    if threads is not None:
        torch.set_num_threads(threads)
    torch.manual_seed(0)
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"--device {device}: cannot be used ({str(error).splitlines()[0]})") from None
    return Session(
        SIZES[size.value], repeats, chosen, torch.get_num_threads(), tuple(only or ()), tuple(precision or ())
    )


def _show(result: Result, directory: Path) -> None:
    path = write_result(result, directory)
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
        console.print(note, markup=False, highlight=False)
    console.print(f"stored in {path}", markup=False, highlight=False)


def _of(path: Path | None, result: Result, what: str = "the sentences are those of") -> Result:
    """The result with a note on where its sentences or its text come from."""
    source = "/".join(path.parts[-2:]) if path else "the bundled sample"
    return result.model_copy(update={"notes": [*result.notes, f"{what} {source}"]})


def _add(name: str, measure: Callable[[Session], Result], description: str) -> None:
    @app.command(name, help=description)
    def command(
        size: SizeOption = BASE,
        threads: ThreadsOption = None,
        repeats: RepeatsOption = 7,
        output: OutputOption = RESULTS,
        device: DeviceOption = "cpu",
        only: OnlyOption = None,
        part: PartOption = "",
        precision: PrecisionOption = None,
    ) -> None:
        if not re.fullmatch(r"[a-z0-9_]*", part):
            raise UserError(f"--part {part}: is for a file's name; expected small letters, digits and underscores")
        result = measure(_session(size, threads, repeats, device, only, precision))
        _show(result.model_copy(update={"part": part}), output)


_add("machine", measure_machine, "Peak of matrix products and of memory copies.")
_add("training", measure_training, "One optimizer step of every contender, interleaved.")
_add("softmax", measure_softmax, "The exact soft-max loss alone, beside other packages' kernels.")
_add("memory", measure_memory, "Peak memory of that step, each contender in its own process.")
_add("batch", measure_batches, "Optimizer steps by batch size.")
_add("training-length", measure_training_lengths, "Optimizer steps by length of the windows.")
_add("memory-length", measure_memory_lengths, "Peak memory of a step by length of the windows.")
_add("length", measure_lengths, "Encoding by length of the input; in bf16 on a GPU.")
_add("preparation", measure_preparation, "Corpus preparation by one process and by one a core.")
_add("busy", measure_busy, "An optimizer step beside a process that takes a core: threads that sleep, or spin.")
_add("crf", measure_crf, "The CRF against pytorch-crf.")


@app.command()
def embedding(
    sentences: SentencesOption = None,
    tokenizer: TokenizerOption = None,
    most: MostOption = 128,
    size: SizeOption = BASE,
    threads: ThreadsOption = None,
    repeats: RepeatsOption = 7,
    output: OutputOption = RESULTS,
    device: DeviceOption = "cpu",
    only: OnlyOption = None,
) -> None:
    """Fixed batches of pieces, and sentences from text to word vectors."""
    session = _session(size, threads, repeats, device, only)
    words = read_sentences(sentences)
    pieces = make_tokenizer(tokenizer, session.size.vocab_size, words)
    _show(_of(sentences, measure_embedding(session, words, pieces, most)), output)


@app.command()
def bundled(
    sentences: SentencesOption = None,
    most: MostOption = 128,
    threads: ThreadsOption = None,
    repeats: RepeatsOption = 7,
    output: OutputOption = RESULTS,
    device: DeviceOption = "cpu",
    only: OnlyOption = None,
) -> None:
    """The model that the package carries, beside a BERT of base size: parameters, megabytes, words per second.

    On a CPU also what more cores are worth: all sentences of the file, whatever --most is, by ours alone.
    """
    session = _session(SizeName("small"), threads, repeats, device, only)
    _show(_of(sentences, measure_bundled(session, read_sentences(sentences), most)), output)


@app.command()
def store(
    sentences: SentencesOption = None,
    tokenizer: TokenizerOption = None,
    most: MostOption = 128,
    size: SizeOption = BASE,
    threads: ThreadsOption = None,
    repeats: RepeatsOption = 7,
    output: OutputOption = RESULTS,
    device: DeviceOption = "cpu",
) -> None:
    """Features from the store against embedding afresh, and epochs of fine-tuning on them."""
    session = _session(size, threads, repeats, device)
    words = read_sentences(sentences)
    pieces = make_tokenizer(tokenizer, session.size.vocab_size, words)
    _show(_of(sentences, measure_store(session, words, pieces, most)), output)


@app.command()
def quality(
    corpus: Annotated[
        Path | None, typer.Option(help="Text to train on, also compressed; documents end at blank lines. The sample.")
    ] = None,
    tokenizer: TokenizerOption = None,
    steps: Annotated[int, typer.Option(min=1, help="Optimizer steps of each model.")] = 500,
    samples: Annotated[list[int] | None, typer.Option(min=1, help="Negatives; repeatable. 256, 1024, 4096.")] = None,
    validation_tokens: Annotated[int, typer.Option(min=2, help="Held-out tokens that are scored.")] = 40_000,
    seeds: Annotated[int, typer.Option(min=1, help="Trainings of each model.")] = 1,
    size: SizeOption = MINI,
    threads: ThreadsOption = None,
    output: OutputOption = RESULTS,
    device: DeviceOption = "cpu",
    only: OnlyOption = None,
) -> None:
    """The same model trained with the full, the sampled and the adaptive soft-max: speed and perplexity."""
    session = _session(size, threads, 1, device, only)
    pieces = make_tokenizer(tokenizer, session.size.vocab_size, [])
    with tempfile.TemporaryDirectory() as directory:
        text = read_corpus(corpus, pieces, Path(directory))
        training = Training(steps, tuple(samples or (256, 1024, 4096)), validation_tokens, seeds)
        result = measure_quality(session, text, pieces, training)
    _show(_of(corpus, result, "the text is that of"), output)


@app.command()
def gpu(
    size: SizeOption = BASE,
    threads: ThreadsOption = None,
    repeats: RepeatsOption = 7,
    output: OutputOption = RESULTS,
    device: DeviceOption = "cuda",
    only: OnlyOption = None,
) -> None:
    """Checks of results, then training with tuned batches; fails if a check fails."""
    session = _session(size, threads, repeats, device, only)
    result, passed = measure_gpu(session, keep=partial(write_result, directory=output))
    _show(result, output)
    if not passed:
        raise UserError("a check failed; the timings say nothing until it passes")


@app.command()
def cost(
    size: SizeOption = BASE,
    peak: Annotated[float, typer.Option(help="Peak of one GPU in TFLOP/s; an H100's in bf16 without sparsity.")] = 989,
    mfu: Annotated[float, typer.Option(min=0.01, max=1, help="Fraction of the peak that is assumed.")] = 0.3,
    efficiency: Annotated[float, typer.Option(min=0.01, max=1, help="Of several GPUs, assumed.")] = 0.9,
    output: OutputOption = RESULTS,
) -> None:
    """Hours of pretraining by tokens and devices: by a CPU's stored speed, and by an assumed one of GPUs."""
    console, model = Console(), SIZES[size.value]
    measured = measured_speed(read_results(output), model)
    tables = []
    if measured:
        cpu, rate = measured
        tables.append((f"{cpu}, measured", costs(rate, 1.0, [1])))
    speed = assumed_speed(model, peak * 1e12, mfu)
    tables.append(
        (f"GPUs of {peak:g} TFLOP/s at {mfu:.0%} of it, {efficiency:.0%} on several", costs(speed, efficiency))
    )
    for title, rows in tables:
        console.print("\n".join([f"\n{title}:\n", *told_costs(rows)]), markup=False, highlight=False, soft_wrap=True)
    links = told_exchanges(exchanges(model, speed), model.length)
    console.print("\n".join(["\nGradients of several GPUs:\n", *links]), markup=False, highlight=False, soft_wrap=True)


@app.command("soak")
def soak_command(
    minutes: Annotated[float, typer.Option(min=0.1, help="How long; half an hour tells a leak from noise.")] = 30,
) -> None:
    """Pretraining steps and embedding requests at tiny size; fails if memory or open files grow."""
    samples = soak(60 * minutes)
    growth = slopes(samples)
    Console().print(told(samples, growth), markup=False, highlight=False, soft_wrap=True)
    if problems := growth.problems():
        raise UserError("; ".join(problems))


@app.command()
def report(
    output: OutputOption = RESULTS,
    page: Annotated[Path, typer.Option(help="Markdown file; plots go into a directory of its name.")] = Path(
        "docs/performance.md"
    ),
) -> None:
    """Write the page of all stored results, with plots."""
    write_report(read_results(output), page)
    Console().print(f"wrote {page}", markup=False, highlight=False)


def main() -> None:
    """Run a command; what is the user's to mend is one message, never a traceback."""
    try:
        app()
    except UserError as error:
        Console(stderr=True).print(f"error: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
