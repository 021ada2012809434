"""``errors``: a page of what a run gets wrong on a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import jinja2

from elmo_xlstm.progress import Progress
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.tasks.predict import FinishedRun
from elmo_xlstm.tasks.task import labels_of
from elmo_xlstm.workbench.mistakes import Mistake, Span, confusion, label_mistakes, span_mistakes

SHOWN = 500
"""Mistakes of one kind."""
MOST_TYPES = 30
"""Columns of a table; larger ones cannot be read."""


def write_errors(
    run: FinishedRun, split: str, data: Path | None, path: Path, progress: Progress | None = None
) -> list[Mistake]:
    """Predict a split, or a file, and write a page of the mistakes.

    Args:
        run: trained.
        split: of its data.
        data: a labelled file instead.
        path: of the page.
        progress: shows the predicting.

    Returns:
        The mistakes.

    Raises:
        UserError: the data cannot be read or are others than the run's.
    """
    examples, scores = run.score(split, data, progress)
    gold = [labels_of(example) for example in examples]
    predicted = [prediction.labels for prediction in scores.predictions]
    settings = run.settings
    title = f"{settings.task.name}, {settings.model}, seed {settings.seed}: mistakes on {data or split}"
    plain = getattr(run.task, "plain", False)
    if scores.kind == "labels":
        mistakes = label_mistakes(examples, gold, predicted, run.task.built().space.aspects)
    else:
        mistakes = span_mistakes(examples, gold, predicted, plain)
    matrix = confusion(gold, predicted) if plain or scores.kind == "labels" else None
    write_text_atomically(path, render(title, len(examples), mistakes, matrix))
    return mistakes


def render(
    title: str, examples: int, mistakes: Sequence[Mistake], matrix: tuple[list[str], list[list[int]]] | None = None
) -> str:
    """The page, in which all that comes from data is escaped.

    Args:
        title: of the page.
        examples: how many there were.
        mistakes: longest first.
        matrix: labels and their confusion, of labels.
    """
    ordered = sorted(mistakes, key=lambda mistake: mistake.kind)
    sections = [(kind, list(group)) for kind, group in groupby(ordered, key=lambda mistake: mistake.kind)]
    types = [name for name, _ in Counter(_type(mistake) for mistake in mistakes).most_common(MOST_TYPES)]
    labels, counts = matrix if matrix is not None and len(matrix[0]) <= MOST_TYPES else ([], [])
    content = {
        "title": title,
        "examples": examples,
        "wrong": len({mistake.example for mistake in mistakes}),
        "counted": sum(mistake.counted for mistake in mistakes),
        "false_positives": sum(mistake.predicted is not None for mistake in mistakes),
        "false_negatives": sum(mistake.gold is not None for mistake in mistakes),
        "types": types,
        "kinds": [
            (kind, [sum(_type(mistake) == name for mistake in group) for name in types], len(group))
            for kind, group in sections
        ],
        "sections": [(kind, group[:SHOWN], max(0, len(group) - SHOWN)) for kind, group in sections],
        "labels": labels,
        "confusion": counts,
        "pieces": pieces,
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("elmo_xlstm.workbench", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text: str = environment.get_template("errors.html.jinja").render(content)
    return text.encode(errors="replace").decode()  # JSON can hold halves of characters, which no file can


def pieces(mistake: Mistake) -> Iterator[tuple[str, str]]:
    """The text in pieces, each with its marks: ``gold``, ``predicted``, both or neither; whole texts have none."""
    places = (("gold", mistake.gold), ("predicted", mistake.predicted))
    marked = [(name, span) for name, span in places if span is not None and span.end - span.start < len(mistake.words)]
    marks = [" ".join(name for name, span in marked if _holds(span, place)) for place in range(len(mistake.words))]
    for mark, group in groupby(zip(marks, mistake.words, strict=True), key=lambda pair: pair[0]):
        yield " ".join(word for _, word in group), mark


def _holds(span: Span, place: int) -> bool:
    return span.start <= place < span.end


def _type(mistake: Mistake) -> str:
    span: Any = mistake.gold or mistake.predicted
    return str(span.type)
