"""Tables of the documentation, filled from the stored results between their markers; the text around them is free."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.results import Result, markdown, table_rows
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import write_text_atomically

MARKED = re.compile(r"(<!-- table (\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def write_pages(paths: Sequence[Path], tables: Mapping[str, str], check: bool = False) -> None:
    """Put every table between its markers, ``<!-- table NAME -->`` and ``<!-- end of table -->``.

    Args:
        paths: the pages.
        tables: in Markdown, by name.
        check: write nothing; fail if a page is not up to date.

    Raises:
        UserError: a marker names no table, a table has no marker, or, with ``check``, a page has an old table.
    """
    pages = {path: path.read_text(encoding="utf-8") for path in paths}
    marked = {name for text in pages.values() for _, name, _ in MARKED.findall(text)}
    where = " and ".join(map(str, paths))
    if unknown := sorted(marked - tables.keys()):
        raise UserError(f"{where}: no result is stored for the table {unknown[0]!r}; measure it or remove its marker")
    if missing := sorted(tables.keys() - marked):
        raise UserError(f"{where}: no place for the table {missing[0]!r}; add <!-- table {missing[0]} --> and an end")
    for path, text in pages.items():
        filled = MARKED.sub(lambda match: f"{match[1]}\n{tables[match[2]]}\n{match[3]}", text)
        if filled != text and check:
            raise UserError(f"{path}: its tables are not those of the results; python -m benchmarks report writes them")
        if filled != text:
            write_text_atomically(path, filled)


def result_table(result: Result) -> str:
    """Machine, versions and commit in one line, the table, and its notes."""
    machine, commit = result.hardware, result.git_commit or "unknown"
    short = commit[:12] + ("-dirty" if commit.endswith("-dirty") else "")
    device = f", {machine.device}" if machine.device != "cpu" else ""
    origin = (
        f"{machine.cpu}, {result.threads} of {machine.cores} cores{device}; torch {result.versions.get('torch', '?')}, "
        f"xlstm {result.versions.get('xlstm', '?')}; {result.repeats} repeats; {result.date[:10]}; commit {short}."
    )
    notes = "".join(f"- {note}\n" for note in result.notes)
    return f"{origin}\n\n{markdown(*table_rows(result))}" + (f"\n{notes}" if notes else "")
