"""The page of all stored results: every number and every comparison is taken from the data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks import bundled, contenders, embedding, quality, store
from benchmarks.plots import PER_TOKEN, draw
from benchmarks.results import PEAK, Measurement, Result, table_rows
from elmo_xlstm.atomic import write_text_atomically

INTRODUCTION = """\
# Performance

This page is generated from stored measurements: `python -m benchmarks report`. Each section is one command, run as
`python -m benchmarks COMMAND --size SIZE`, which prints its table and stores all raw times in `benchmarks/results`.
`embedding` and `quality` read files of task sentences and of text that are named when they are run; `-dirty` after a
commit says that the tree was not that commit's alone.

| command | what it measures |
|---|---|
| `machine` | matrix products and memory copies: the ceilings |
| `training` | one optimizer step: forward, backward, clipping, AdamW |
| `memory` | peak memory of that step, each contender in its own process |
| `batch` | the step by batch size |
| `training-length` | the step by length of the windows |
| `memory-length` | its peak memory by length of the windows |
| `softmax` | the exact soft-max loss alone, beside other packages' kernels |
| `quality` | the same small model trained with each soft-max loss: speed, and perplexity on held-out text |
| `embedding` | fixed batches of pieces; sentences from text to word vectors |
| `bundled` | the model that the package carries, beside BERT of base size |
| `length` | encoding by length of the input |
| `crf` | the CRF against pytorch-crf |
| `preparation` | cleaning and tokenising text by one process and by one a core, and its memory by size of the text |
| `busy` | the optimizer step beside a busy process, with threads that sleep while they wait, and that spin |
| `store` | the feature store against embedding afresh; epochs of fine-tuning |
| `cost` | what tokens cost at the measured speed: the tables of [scaling.md](scaling.md), nothing is stored |
| `soak` | memory and open files over long work; nothing is stored |
| `gpu` | checks of results on an accelerator, then training with tuned batches (`benchmarks/gpu.sh`) |

"""

METHOD = """\
## How it is measured

- **In turn.** After one untimed round, contenders of one table run A B C A B C … in one process, with the same
  threads (`memory` and `gpu`: one after another). Tables give the median and the quartiles of the repeats. The first
  call, which compiles and warms up, is shown apart.
- **xlstm package**: two `xLSTMBlockStack`s as its README builds them, one embedding, two linear heads, cross-entropy on
  all logits, PyTorch's default AdamW. For embedding its stacks stand in our embedder: pooling and tokenizer are the
  same; sentences come in random padded batches of 32.
- **ours**: `BiXLSTM` with the chunked exact soft-max, or the sampled one, and fused AdamW, in the tier that pretraining
  takes by itself: on a CPU in fp32 our compiled kernels (`elmo_xlstm/lm/native`). *Plain torch*: without them.
  *Compiled*: the two stacks under `torch.compile` instead. Embedding runs the stacks with folded weights, one batch a
  core; sentences are sorted into batches of a token budget, or, *random batches*, not. *bf16* and *int8* convert the
  projections alone, while bf16 of the package and of BERT is autocast. `length` encodes as embedding does.
- **Machines.** Each table names its processor. Rows of one table compare, times of two tables do not; ratios differ
  between processors, too, above all where page faults are dear (*Freed memory* below).
- **The same numbers**, on equal weights, gates moved away from zero; differences are relative norms. In float64 (gates
  and states in float32) our outputs are within 1e-6 and our gradients within 1e-5 of the package's, for any shape. In
  float32 they are so in nine of ten draws, and within ten times that in all: where a norm magnifies rounding, both are
  off (`tests/lm/test_layer.py`, with MKL's products and with oneDNN's). Our compiled kernels are within 1e-6 for
  outputs, 1e-5 for gradients and 1e-4 for gates' gradients of plain torch in float64, or at most ten times as far from
  it as plain torch in float32; over many draws the median is below one and a half times as far
  (`tests/lm/native/test_layer.py`).
- **ELMo's LSTM**: two layers in each direction, cells projected as in Peters et al. (2018) (4,096 to 512, scaled with
  the size), trained with the sampled soft-max as it was; word-piece embeddings stand for its character CNN.
- **LSTM, equal parameters**: two layers in each direction with as many parameters as our stacks, with our exact
  soft-max and fused AdamW, so that only the network differs.
- **BERT**: Hugging Face's `BertModel` of the same width (12 layers at size base) with random weights and the same
  vocabulary; sentences sorted, batches of 32.
- **Soft-max losses**: models that start alike take their steps on the same windows in turn, one process, AdamW with
  warm-up and cosine decay; each is then scored by its own exact distribution on documents held out. A seed gives
  first weights, windows and negatives; perplexities compare within it.
- **Operations** are counted from the sizes (`benchmarks/flops.py`): matrix products and convolutions only, training
  three times the forward pass, the mLSTM's weights as a full square. **Of peak** is that rate over the rate of a square
  fp32 or bf16 matrix product, timed in the same rounds.
- **Memory** is the highest resident memory of a process over two steps (VmHWM, where Linux has it, else ru_maxrss) less
  what it held after imports and model building. So it contains gradients, optimizer state and activations, not weights;
  for a compiled contender also the compiler. On a GPU: allocated tensors.
- **Our settings** are the next two points. All contenders have them but *xlstm package* and *BERT*, which run as their
  READMEs use them; *…, our settings* is the same with those that ours have in that table, so that what is left of the
  difference is the code's.
- **What multiplies matrices** (`elmo_xlstm/products.py`): torch's builds for x86 take MKL, which on AMD's processors
  computes with AVX2. On such a processor with AVX-512 our code leaves products of float32 matrices to oneDNN, which
  torch brings, too, and which is as exact; the matrix product that counts as the peak is then oneDNN's. The machine's
  table *mkl* was made with `ELMO_XLSTM_ONEDNN=0`, which turns that off. On other processors nothing changes; LSTM
  layers, bf16 and int8 are oneDNN's everywhere.
- **Freed memory** is kept by our training (`elmo_xlstm/allocator.py`): glibc's allocator otherwise fetches every large
  block anew, page by page, and clears each page. So it is in tables of training and of the feature store, in ours alone
  in those of memory and nowhere in those of embedding. What it is worth depends on how dear a page fault is; virtual
  machines that return memory to their host pay most. At size base the package with it and the package without it do not
  fit into 24 GB together: they are in two tables, the second made with `--part settings`.
- **Feature store**: an epoch from the store takes as long as one on features in memory. What is left is the training of
  the head, so that a whole epoch gains less than the reading does. At size base 165 MFLOP embed a word (1.39 pieces,
  118 for each in sentences of 32), and 22 train the tagger's BiLSTM on one: at equal FLOP a second, an epoch from the
  store takes an eighth of embedding afresh at best.
- **Corpus preparation** reads documents of lines of the bundled text in a fresh process each time; the start of worker
  processes counts. A single process has the threads of the tokenizers library, one a core, which cut the text while
  Python cleans it on one; *on 1 core* it has one thread. Worker processes start from 32 MB of text on. Memory is the
  highest resident memory of the process that held most.
- **Waiting threads** sleep (`elmo_xlstm/threads.py`). By default those of OpenMP spin, as they did in tables older than
  that of `busy`: beside other work, this takes the core that another thread needs. `busy` times the second step of a
  fresh process for each value, with one process beside it that computes without a pause, and without.
- **Inputs** are random pieces, as unevenly frequent as words; weights are random. bf16 is measured only where the
  processor multiplies bf16 in hardware, as autocast over fp32 weights.
"""


def write_report(results: list[Result], page: Path) -> None:
    """Write the page and its plots.

    Args:
        results: all that are to be shown; without any the page says so.
        page: the Markdown file; plots go beside it, into a directory of its name.

    Raises:
        UserError: matplotlib is not installed.
    """
    order = list(TITLES)
    parts = [INTRODUCTION]
    if not results:
        parts.append("Nothing is measured yet.\n\n")
    for result in sorted(results, key=lambda r: (order.index(r.command), r.size, r.device, r.part)):
        parts.append(_section(result, page))
    write_text_atomically(page, "".join(parts) + METHOD)


def _section(result: Result, page: Path) -> str:
    named = ", ".join(filter(None, (result.size, result.device, result.part)))
    lines = [f"## {TITLES[result.command]}: {named}", ""]
    commit = (result.git_commit or "unknown")[:12] + ("-dirty" if (result.git_commit or "").endswith("-dirty") else "")
    machine = result.hardware
    lines += [
        f"{machine.cpu}, {result.threads} of {machine.cores} cores"
        + (f", {machine.device}" if machine.device != "cpu" else "")
        + f"; torch {result.versions.get('torch', '?')}, xlstm {result.versions.get('xlstm', '?')}; "
        f"{result.repeats} repeats; {result.date[:10]}; commit {commit}.",
        "",
    ]
    findings = dict.fromkeys(FINDINGS.get(result.command, compare)(result))
    lines += [f"- {finding}" for finding in findings] + [""] * bool(findings)
    headings, rows = table_rows(result)
    lines += [_row(headings), "|" + "---|" * len(headings), *(_row(row) for row in rows), ""]
    lines += [f"- {note}" for note in result.notes] + [""] * bool(result.notes)
    picture = draw(result, page.parent / page.stem)
    if picture is not None:
        lines += [f"![{TITLES[result.command]}, {named}]({page.stem}/{picture.name})", ""]
    return "\n".join(lines) + "\n"


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def compare(result: Result) -> list[str]:
    """The best of ours against the reference, and who is ahead of all of ours, in each case."""
    found = []
    for case in result.cases():
        entered = [m for m in result.measurements if m.case == case and m.contender != PEAK]
        ours = [m for m in entered if m.contender.startswith("ours")]
        if not ours:
            continue
        best = min(ours, key=_cost)
        ratio, what = result.ratio(best), "memory" if best.unit == "bytes" else "speed"
        if ratio is not None:
            found.append(f"{_where(case)}{best.contender}: {ratio:.2f}× the {what} of {result.reference}.")
        for m in sorted(entered, key=_cost):
            if _cost(m) < _cost(best):
                word = "needs less memory than" if m.unit == "bytes" else "is faster than"
                found.append(f"{_where(case)}**{m.contender} {word} each of ours**, by {_cost(best) / _cost(m):.2f}×.")
    return found


def _where(case: dict[str, str | int]) -> str:
    return ", ".join(str(value) if isinstance(value, str) else f"{key} {value}" for key, value in case.items()) + (
        ": " if case else ""
    )


def _cost(measurement: Measurement) -> float:
    """Seconds per token, or plain seconds or bytes: less is better."""
    return measurement.median / measurement.work.get("tokens", 1.0)


# Pairs with the same soft-max: only the network differs.
ALIKE = (
    (contenders.OURS, contenders.LSTM),
    (contenders.COMPILED, contenders.LSTM),
    (contenders.SAMPLED, contenders.ELMO),
    (contenders.COMPILED_SAMPLED, contenders.ELMO),
)


# Contenders whose ratio is told where both are measured, beside that to the reference.
RATIOS = (
    (contenders.OURS, contenders.PACKAGE),
    (contenders.OURS, contenders.PACKAGE_TUNED),
    (contenders.SAMPLED, contenders.PACKAGE_TUNED),
    (contenders.OURS, embedding.BERT),
    (contenders.OURS, embedding.BERT_TUNED),
    (contenders.OURS, bundled.BERT_BASE_TUNED),
)


def _ratios(result: Result, case: dict[str, str | int]) -> list[str]:
    pairs = [(result.find(name, case), result.find(other, case)) for name, other in RATIOS]
    return [
        f"{_where(case)}{mine.contender}: {_cost(theirs) / _cost(mine):.2f}× the speed of {theirs.contender}."
        for mine, theirs in pairs
        if mine and theirs
    ]


def _embedding(result: Result) -> list[str]:
    return [*compare(result), *(line for case in result.cases() for line in _ratios(result, case))]


def _training(result: Result) -> list[str]:
    """How much of the peak ours reaches, what compiling takes, and LSTMs beside ours with the same soft-max."""
    found = []
    for case in result.cases():
        where = _where(case)
        found += _ratios(result, case)
        for name in (contenders.OURS, contenders.COMPILED):
            mine = result.find(name, case)
            fraction = result.peak_fraction(mine) if mine else None
            if fraction is not None:
                found.append(f"{where}{name}: {fraction:.0%} of the matrix product's rate.")
        compiled = result.find(contenders.COMPILED, case)
        if compiled and compiled.first is not None:
            found.append(f"{where}compiling takes {compiled.first - compiled.median:.0f} s, once.")
        for name, lstm in ALIKE:
            mine, theirs = result.find(name, case), result.find(lstm, case)
            if mine and theirs:
                ratio = _cost(mine) / _cost(theirs)
                word = "faster" if ratio > 1 else "slower"
                found.append(f"{where}{lstm} is {max(ratio, 1 / ratio):.2f}× {word} than {name}.")
    return found


def _by_number(key: str) -> Callable[[Result], list[str]]:
    """Time or memory per token at each length or batch size, and where others need less than ours."""

    def findings(result: Result) -> list[str]:
        found = []
        for name in dict.fromkeys(m.contender for m in result.measurements):
            mine = [m for m in result.measurements if m.contender == name]
            scale, unit = PER_TOKEN[mine[0].unit]
            costs = " · ".join(f"{_cost(m) * scale:,.0f}" for m in mine)
            shown = " · ".join(f"{m.case[key]:,}" for m in mine)
            found.append(f"{name}: {costs} {unit} a token at {key} {shown}.")
            pairs = [(m, result.find(contenders.OURS, m.case)) for m in mine]
            ahead = [f"{m.case[key]:,}" for m, ours in pairs if ours and _cost(m) < _cost(ours)]
            if ahead and not name.startswith("ours"):
                word = "needs less memory than" if mine[0].unit == "bytes" else "is faster than"
                found.append(f"**{name} {word} ours at {key} {', '.join(ahead)}.**")
        return found

    return findings


def _store(result: Result) -> list[str]:
    found = []
    for slow, fast in (
        (store.AFRESH, store.READ),
        (store.FIRST_EPOCH, store.STORE_EPOCH),
        (store.FIRST_LIGHT, store.STORE_LIGHT),
        (store.AFRESH, store.STORE_LIGHT),
        (store.STORE_EPOCH, store.MEMORY_EPOCH),
        (store.STORE_EPOCH, store.BATCHES),
    ):
        one, other = result.find(slow, {}), result.find(fast, {})
        if one and other:
            found.append(f"{slow} takes {one.median / other.median:.2f}× as long as {fast}.")
    return found


def _bundled(result: Result) -> list[str]:
    """Against BERT, and what more than one core is worth."""
    case: dict[str, str | int] = {"input": bundled.ALL}
    one, several = result.find(bundled.ONE_CORE, case), result.find(contenders.OURS, case)
    found = _embedding(result)
    if one and several:
        ratio, sentences = one.median / several.median, several.work["sentences"]
        found.append(f"{sentences:,.0f} sentences: {result.threads} cores are {ratio:.2f}× as fast as one.")
    return found


def _quality(result: Result) -> list[str]:
    """Speed and perplexity of each loss against the full soft-max of the same seed."""
    found = []
    for name in dict.fromkeys(m.contender for m in result.measurements if m.contender != quality.FULL):
        pairs = [(m, result.find(quality.FULL, m.case)) for m in result.measurements if m.contender == name]
        known = [(mine, full) for mine, full in pairs if full]
        if not known:
            continue
        changes = [mine.scores[quality.PERPLEXITY] / full.scores[quality.PERPLEXITY] - 1 for mine, full in known]
        speed = median(_cost(full) / _cost(mine) for mine, full in known)
        seeds = f" (of {len(changes)} seeds: {min(changes):+.1%} to {max(changes):+.1%})" if len(changes) > 1 else ""
        found.append(
            f"{name}: {speed:.2f}× the speed of {quality.FULL}, perplexity {median(changes):+.1%}{seeds} after as many "
            "tokens."
        )
    return found


TITLES = {
    "machine": "Machine",
    "training": "Training step",
    "memory": "Peak memory of a training step",
    "batch": "Training by batch size",
    "training-length": "Training by length",
    "memory-length": "Peak memory of training by length",
    "softmax": "The exact soft-max loss",
    "quality": "Soft-max losses: speed and quality",
    "embedding": "Embedding",
    "bundled": "The bundled model",
    "length": "Encoding by length",
    "crf": "CRF",
    "store": "Feature store",
    "preparation": "Corpus preparation",
    "busy": "Beside other work",
    "gpu": "Training on an accelerator",
}
FINDINGS: dict[str, Callable[[Result], list[str]]] = {
    "training": lambda result: [*compare(result), *_training(result)],
    "gpu": lambda result: [*compare(result), *_training(result)],
    "embedding": _embedding,
    "batch": _by_number("batch"),
    "length": _by_number("length"),
    "training-length": _by_number("length"),
    "memory-length": _by_number("length"),
    "bundled": _bundled,
    "store": _store,
    "quality": _quality,
}
