"""Whether text to pretrain on has passages of the evaluation data, and those texts to keep them out by."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from elmo_xlstm.errors import UserError
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.runs.atomic import open_output
from elmo_xlstm.tasks.data.absa_e2e import load_absa
from elmo_xlstm.tasks.data.examples import Example, LabelledText
from elmo_xlstm.tasks.data.indonlu import DATASETS, dataset, locate, read_file
from elmo_xlstm.tasks.data.repository import SPLITS, Split
from elmo_xlstm.text import Cleaner, CorpusConfig
from elmo_xlstm.text.overlap import PassageIndex
from elmo_xlstm.text.sources import SourceSettings

EVALUATION_SPLITS: tuple[Split, ...] = ("valid", "test")
ABSA = "absa_e2e"


@dataclass(frozen=True)
class EvaluationText:
    """A text of an example that a model is scored on."""

    task: str
    split: Split
    row: int  # of the example, counted from 1; a pair's two texts share it
    text: str  # without line ends


@dataclass
class Overlap:
    """Examples (task, split, row) that share a passage with the sources of a corpus."""

    found: dict[tuple[str, Split, int], dict[str, str]] = field(default_factory=dict)
    """By source, the first passage shared with the example."""
    left: set[tuple[str, Split, int]] = field(default_factory=set)
    """Those of them that share a passage with what the corpus takes from the sources."""
    documents: Counter[str] = field(default_factory=Counter)
    """Read of each source."""
    matching: Counter[str] = field(default_factory=Counter)
    """Documents of each source that share a passage with an example."""
    examples: Counter[tuple[str, Split]] = field(default_factory=Counter)


def evaluation_texts(
    splits: Iterable[str] = EVALUATION_SPLITS, tasks: Iterable[str] | None = None
) -> Iterator[EvaluationText]:
    """The texts of tasks (by default IndoNLU's twelve and end-to-end ABSA), found or fetched as the tasks do."""
    chosen = set(splits)
    if unknown := chosen - set(SPLITS):
        raise UserError(f"no split '{min(unknown)}'; there are: {', '.join(SPLITS)}")
    for task in tasks or (*DATASETS, ABSA):
        for split in (split for split in SPLITS if split in chosen):
            for row, texts in enumerate(_examples(task, split), start=1):
                for text in texts:
                    yield EvaluationText(task, split, row, " ".join(text.split()))


def write_evaluation_texts(
    path: Path, splits: Iterable[str] = EVALUATION_SPLITS, tasks: Iterable[str] | None = None
) -> int:
    """Write the distinct texts, one a line, as ``corpus.cleaning.exclude.paths`` takes them; returns their number."""
    with open_output(path) as file:
        texts = dict.fromkeys(evaluation.text for evaluation in evaluation_texts(splits, tasks) if evaluation.text)
        file.writelines(f"{text}\n" for text in texts)
    return len(texts)


def measure_overlap(
    sources: Iterable[SourceSettings],
    cleaning: Cleaner.Config,
    texts: Iterable[EvaluationText],
    index: PassageIndex,
    progress: Progress | None = None,
) -> Overlap:
    """Look for the passages of texts in sources, before and after the cleaning's exclusion; ``index`` is empty."""
    overlap = Overlap()
    examples: list[tuple[str, Split, int]] = []
    for evaluation in texts:
        index.add(evaluation.text, len(examples))
        examples.append((evaluation.task, evaluation.split, evaluation.row))
    overlap.examples.update((task, split) for task, split, _ in dict.fromkeys(examples))
    cleaner = cleaning.build()
    with (progress or NullProgress()).task("Looking for shared passages (documents)") as work:
        for source in sources:
            label = source.shown
            for document in source.build():
                work.advance()
                if not source.uses(document.text):
                    continue
                overlap.documents[label] += 1
                matches = index.find(cleaner.clean_lines(document.text))
                if not matches:
                    continue
                overlap.matching[label] += 1
                for match in matches:
                    for number in index.numbers(match.passage):
                        overlap.found.setdefault(examples[number], {}).setdefault(label, match.passage)
                used = cleaner.clean_document(document)
                if isinstance(used, str):
                    for match in index.find(used):
                        overlap.left.update(examples[number] for number in index.numbers(match.passage))
    return overlap


def report_overlap(corpus: CorpusConfig, path: Path, progress: Progress | None = None) -> Overlap:
    """Measure the overlap of a corpus's sources with all evaluation texts and write ``path``.json and ``path``.md.

    A passage is what the corpus's exclusion says; 13 words, or sentences of at least 8, without one.
    """
    excluded = corpus.cleaning.exclude
    index = PassageIndex(excluded.ngram, excluded.sentence_words) if excluded else PassageIndex()
    with open_output(Path(f"{path}.json")) as machine, open_output(Path(f"{path}.md")) as people:
        overlap = measure_overlap(corpus.sources, corpus.cleaning, evaluation_texts(), index, progress)
        write_overlap_report(overlap, index, machine, people)
    return overlap


def write_overlap_report(overlap: Overlap, index: PassageIndex, machine: TextIO, people: TextIO) -> None:
    """Write JSON and Markdown."""
    machine.write(json.dumps(_as_json(overlap, index), indent=2, ensure_ascii=False) + "\n")
    people.write(_as_markdown(overlap, index))


def _examples(task: str, split: Split) -> list[tuple[str, ...]]:
    """The texts of each example of a split."""
    if task == ABSA:
        examples: Sequence[Example] = getattr(load_absa(), split)
    else:
        examples = read_file(locate(task, split), dataset(task), split)
    return [
        example.texts if isinstance(example, LabelledText) else tuple(" ".join(words) for words in example.parts)
        for example in examples
    ]


def _as_json(overlap: Overlap, index: PassageIndex) -> dict[str, Any]:
    return {
        "ngram": index.ngram,
        "sentence_words": index.sentence_words,
        "sources": [
            {"label": label, "documents": count, "with_a_shared_passage": overlap.matching[label]}
            for label, count in overlap.documents.items()
        ],
        "splits": [
            {
                "task": task,
                "split": split,
                "examples": count,
                "found": sum(example[:2] == (task, split) for example in overlap.found),
                "left": sum(example[:2] == (task, split) for example in overlap.left),
            }
            for (task, split), count in overlap.examples.items()
        ],
        "found": [
            {"task": task, "split": split, "row": row, "left": (task, split, row) in overlap.left, "passages": passages}
            for (task, split, row), passages in sorted(overlap.found.items())
        ],
    }


def _as_markdown(overlap: Overlap, index: PassageIndex) -> str:
    report = _as_json(overlap, index)
    lines = [
        "# Overlap of the pretraining text with the evaluation data",
        "",
        f"An example overlaps if one of its texts shares {index.ngram} consecutive words, or a whole sentence of at "
        f"least {index.sentence_words} words, with a document; lower-cased, without punctuation. *Left* is what is "
        "in the corpus after its exclusion and cleaning.",
        "",
        "| Task | Split | Examples | Overlapping in the sources | Left in the corpus |",
        "|---|---|---:|---:|---:|",
    ]
    lines += [
        f"| {row['task']} | {row['split']} | {row['examples']} | {row['found']} | {row['left']} |"
        for row in report["splits"]
    ]
    lines += ["", "| Source | Documents read | With a shared passage |", "|---|---:|---:|"]
    lines += [f"| {row['label']} | {row['documents']} | {row['with_a_shared_passage']} |" for row in report["sources"]]
    lines += ["", "## Overlapping examples", "", "| Example | Source | First shared passage |", "|---|---|---|"]
    lines += [
        f"| {row['task']} {row['split']} {row['row']} | {label} | {passage} |"
        for row in report["found"]
        for label, passage in row["passages"].items()
    ]
    return "\n".join(lines) + "\n"
