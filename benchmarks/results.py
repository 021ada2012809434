"""Results of a command: stored as JSON, shown as a table."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import ValidationError

from benchmarks.session import Session
from elmo_xlstm.config import Settings
from elmo_xlstm.environment import Hardware, git_commit, hardware, installed_versions
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import write_text_atomically

PEAK = "matrix product"
# A contender's rates, in the order of the table; the first that two contenders share is what their ratio compares.
RATES = ("tokens", "words", "sentences", "flops")


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile."""
    low, median, high = np.percentile(values, [25, 50, 75]).tolist()
    return low, median, high


class Measurement(Settings):
    """All values of one contender in one case."""

    contender: str
    case: dict[str, str | int] = {}
    """Conditions, such as precision, length or input."""
    work: dict[str, float] = {}
    """Done by one call: tokens, words, sentences, flops."""
    values: list[float]
    """One per repeat."""
    unit: Literal["s", "bytes"] = "s"
    first: float | None = None
    """Seconds of the first call, which compiles and warms up."""
    parameters: int | None = None
    scores: dict[str, float] = {}
    """Numbers beside time and memory, such as megabytes on disk."""

    @property
    def median(self) -> float:
        """Of the values."""
        return quartiles(self.values)[1]

    def rate(self, what: str) -> float | None:
        """Work per second."""
        return self.work[what] / self.median if what in self.work and self.unit == "s" else None


class Result(Settings):
    """One call of a command."""

    command: str
    size: str
    device: str
    threads: int
    repeats: int
    part: str = ""
    """Name of a table of some contenders, beside the one of all; empty for that one."""
    reference: str
    """The contender that ratios compare with; none if empty."""
    date: str
    hardware: Hardware
    versions: dict[str, str]
    git_commit: str | None
    notes: list[str] = []
    """Conditions of the numbers, and contenders left out, with the reason."""
    measurements: list[Measurement]

    @property
    def name(self) -> str:
        """Of the file."""
        return "-".join(filter(None, (self.command, self.size, self.device.partition(":")[0], self.part)))

    def find(self, contender: str, case: dict[str, str | int]) -> Measurement | None:
        """The measurement of a contender in a case."""
        return next((m for m in self.measurements if m.contender == contender and m.case == case), None)

    def ratio(self, measurement: Measurement) -> float | None:
        """Speed, or memory, as a multiple of the reference's in the same case."""
        reference = self.find(self.reference, measurement.case)
        if reference is None or measurement.contender == PEAK:
            return None
        if measurement.unit == "bytes":
            return measurement.median / reference.median
        for what in RATES:
            mine, theirs = measurement.rate(what), reference.rate(what)
            if mine is not None and theirs is not None:
                return mine / theirs
        return reference.median / measurement.median

    def peak_fraction(self, measurement: Measurement) -> float | None:
        """Operations per second as a fraction of the matrix product's in the same precision (MFU)."""
        peak = self.find(PEAK, {"precision": measurement.case.get("precision", "fp32")})
        mine, theirs = measurement.rate("flops"), peak.rate("flops") if peak else None
        return mine / theirs if mine is not None and theirs is not None and measurement is not peak else None


def make_result(
    session: Session, command: str, reference: str, measurements: list[Measurement], notes: list[str] | None = None
) -> Result:
    """Join measurements with the settings, machine, versions and commit that they were made with."""
    return Result(
        command=command,
        size=session.size.name,
        device=str(session.device),
        threads=session.threads,
        repeats=session.repeats,
        part=session.part,
        reference=reference,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        hardware=hardware(str(session.device)),
        versions={**installed_versions(), "xlstm": _version("xlstm")},
        git_commit=git_commit(),
        notes=notes or [],
        measurements=measurements,
    )


def write_result(result: Result, directory: Path) -> Path:
    """Store a result; an older one of the same command, size, kind of device and part is replaced."""
    path = directory / f"{result.name}.json"
    write_text_atomically(path, json.dumps(result.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n")
    return path


def read_results(directory: Path) -> list[Result]:
    """Read all results of a directory, in the order of their names.

    Raises:
        UserError: a file is no result.
    """
    results = []
    for path in sorted(directory.glob("*.json")):
        try:
            results.append(Result.model_validate_json(path.read_text(encoding="utf-8")))
        except ValidationError as error:
            raise UserError(
                f"{path}: is no result of a benchmark ({error.error_count()} problems); remove it"
            ) from None
    return results


def table_rows(result: Result) -> tuple[list[str], list[list[str]]]:
    """Headings and cells, as text: one row per measurement, columns only where some row has a value."""
    rows = []
    for m in result.measurements:
        row = {"contender": m.contender, **{key: str(value) for key, value in m.case.items()}}
        row["median [quartiles]"] = _spread(m)
        for what in RATES:
            if (rate := m.rate(what)) is not None:
                row["TFLOP/s" if what == "flops" else f"{what}/s"] = _number(rate / 1e12 if what == "flops" else rate)
        row |= {name: f"{score:,.1f}" for name, score in m.scores.items()}
        if (ratio := result.ratio(m)) is not None:
            row[f"{'memory' if m.unit == 'bytes' else 'speed'} against {result.reference}"] = f"{ratio:.2f}×"
        if (fraction := result.peak_fraction(m)) is not None:
            row["of peak"] = f"{fraction:.0%}"
        if m.first is not None:
            row["first call"] = f"{m.first:.3g} s" if m.first >= 1 else f"{m.first * 1e3:.3g} ms"
        rows.append(row)
    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    return headings, [[row.get(heading, "") for heading in headings] for row in rows]


def markdown(headings: list[str], rows: list[list[str]]) -> str:
    """Lines of a table, all but its first column to the right."""
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _spread(measurement: Measurement) -> str:
    low, median, high = quartiles(measurement.values)
    if measurement.unit == "bytes":
        scale, unit, digits = 1 / 2**30, "GiB", ".2f"
    else:
        scale, unit = (1.0, "s") if median >= 1 else (1e3, "ms")
        digits = ".3g" if median * scale < 100 else ".0f"
    return f"{median * scale:{digits}} [{low * scale:{digits}}, {high * scale:{digits}}] {unit}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
