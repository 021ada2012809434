"""The table of recipes in the documentation, generated from their result files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.recipes.series import RecipeResult, SeriesSettings, read_result
from elmo_xlstm.lm.scoring import Validation
from elmo_xlstm.runs.atomic import open_output

BEGIN = "<!-- recipes: made by `python cli.py recipes`, not to be edited -->"
END = "<!-- end of recipes -->"
NOTHING = "No recipe has been run yet."
UNKNOWN = " ‡"
NOT_COMPARABLE = f"{UNKNOWN.strip()} Of the text more is unknown to the vocabulary than a comparison bears."
MIX = "corpus.sources."
# Follow from other settings: how often something is written.
UNTOLD = ("training.log_every", "training.validate_every")


def render_table(results: Sequence[RecipeResult], texts: Sequence[str]) -> str:
    """Markdown with a row for every result.

    Args:
        results: in the order of the rows.
        texts: names of the kinds of text, in the order of their columns.
    """
    if not results:
        return NOTHING + "\n"
    columns = ["Recipe", "What differs", "Pieces", "Parameters", "Seconds", "Tokens/s", "Validation", *texts]
    lines = [columns, ["---", "---", "---:", "---:", "---:", "---:", *["---"] * (1 + len(texts))]]
    for result in results:
        scores = [result.validation, *(result.texts[text].validation for text in texts if text in result.texts)]
        lines.append(
            [
                f"`{result.name}`",
                _changes(result),
                f"{result.pieces:,}",
                f"{result.parameters / 1e6:.1f} M",
                f"{result.time.seconds:,.0f}",
                f"{result.time.tokens_per_second:,.0f}",
                *map(_bits, scores),
                *["–"] * (1 + len(texts) - len(scores)),
            ]
        )
    table = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"{table}\n{NOT_COMPARABLE}\n" if UNKNOWN in table else table


def _changes(result: RecipeResult) -> str:
    told = [
        f"`{key}` {_shown(now)}"
        for key, (_, now) in result.changes.items()
        if now is not None
        and key not in UNTOLD  # what is not set any more belongs to what was there instead
        and not key.startswith(MIX)
    ]
    if any(key.startswith(MIX) for key in result.changes):
        told.append("other shares of the sources")
    return ", ".join(told) or "the base"


def _shown(value: Any) -> str:
    return f"[{', '.join(map(_shown, value))}]" if isinstance(value, list) else str(value).rpartition("/")[2]


def _bits(score: Validation) -> str:
    bits = ", ".join(
        f"{bits:.3f}"
        for bits in (score.forward_bits_per_character, score.backward_bits_per_character)
        if bits is not None
    )
    return bits if score.comparable else bits + UNKNOWN


def expected_document(series: SeriesSettings) -> str:
    """The documentation as the result files want it.

    Raises:
        UserError: the marks between which the table stands are not there, or a result file is damaged.
    """
    document = series.table.read_text(encoding="utf-8") if series.table.is_file() else ""
    before, begin, rest = document.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise UserError(f"{series.table}: has no line {BEGIN} with {END} below it, between which the table belongs")
    found = (read_result(name, series.results) for name in series.names())
    table = render_table([result for result in found if result is not None], [text.name for text in series.texts])
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


def write_table(series: SeriesSettings) -> None:
    """Put the table into the documentation."""
    document = expected_document(series)
    with open_output(series.table) as file:
        file.write(document)


def check_table(series: SeriesSettings) -> None:
    """Compare the documentation with the result files.

    Raises:
        UserError: they differ.
    """
    expected = expected_document(series)
    if series.table.read_text(encoding="utf-8") != expected:
        raise UserError(
            f"{series.table}: the table of recipes is not what {series.results} gives; write it anew with --table"
        )
