"""What a command measured: stored as JSON, shown as a table."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from benchmarks.session import Session
from benchmarks.timing import Samples, quartiles
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.config import Settings
from elmo_xlstm.environment import Hardware, git_commit, hardware, installed_versions
from elmo_xlstm.errors import UserError

PEAK = "matrix product"
# A contender's rates, in the order of the table; the first that two contenders share is what their ratio compares.
RATES = ("tokens", "words", "sentences", "flops", "bytes")
UNITS = {"flops": "TFLOP/s", "bytes": "GB/s"}
SCALES = {"flops": 1e12, "bytes": 1e9}


class Measurement(Settings):
    """All values of one contender in one case."""

    contender: str
    case: dict[str, str | int] = {}
    """What was measured, such as precision, length or batch size."""
    work: dict[str, float] = {}
    """What one call did: tokens, words, sentences, flops, bytes."""
    values: list[float]
    """One per repeat."""
    unit: Literal["s", "bytes"] = "s"
    first: float | None = None
    """Seconds of the first call, which compiles and warms up."""
    parameters: int | None = None
    scores: dict[str, float] = {}
    """What came of it beside time and memory, such as perplexity."""

    @property
    def median(self) -> float:
        """Of the values."""
        return quartiles(self.values)[1]

    def rate(self, what: str) -> float | None:
        """Work per second."""
        return self.work[what] / self.median if what in self.work and self.unit == "s" else None


def timed(samples: Samples[str], case: dict[str, str | int], work: dict[str, float]) -> list[Measurement]:
    """Measurements of contenders that all did the same work in the same case."""
    return [
        Measurement(contender=name, case=case, work=work, values=values, first=samples.first[name])
        for name, values in samples.seconds.items()
    ]


class Result(Settings):
    """One call of a command."""

    command: str
    size: str
    device: str
    threads: int
    repeats: int
    part: str = ""
    """Of a table of some contenders that stands beside the one of all; empty for that one."""
    reference: str
    """The contender that ratios compare with; none if empty."""
    date: str
    hardware: Hardware
    versions: dict[str, str]
    git_commit: str | None
    notes: list[str] = []
    """What could not be measured and why, and what else belongs to the numbers."""
    measurements: list[Measurement]

    @property
    def name(self) -> str:
        """Of the file."""
        return "-".join(filter(None, (self.command, self.size, self.device.partition(":")[0], self.part)))

    def find(self, contender: str, case: dict[str, str | int]) -> Measurement | None:
        """The measurement of a contender in a case."""
        return next((m for m in self.measurements if m.contender == contender and m.case == case), None)

    def cases(self) -> list[dict[str, str | int]]:
        """All cases, in order."""
        found: list[dict[str, str | int]] = []
        for measurement in self.measurements:
            if measurement.case not in found:
                found.append(measurement.case)
        return found

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
    """Put measurements together with what they were made on."""
    return Result(
        command=command,
        size=session.size.name,
        device=str(session.device),
        threads=session.threads,
        repeats=session.repeats,
        reference=reference,
        date=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        hardware=hardware(str(session.device)),
        versions={**installed_versions(), **{name: _version(name) for name in ("xlstm", "pytorch-crf")}},
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
    keys = list(dict.fromkeys(key for m in result.measurements for key in m.case))
    rates = [what for what in RATES if any(m.rate(what) is not None for m in result.measurements)]
    bytes_ = any(m.unit == "bytes" for m in result.measurements)
    scores = list(dict.fromkeys(name for m in result.measurements for name in m.scores))
    headings = ["contender", *keys, "median [quartiles]", *(UNITS.get(what, f"{what}/s") for what in rates), *scores]
    headings += [f"{'memory' if bytes_ else 'speed'} against {result.reference}", "of peak", "first call"]
    rows = []
    for m in result.measurements:
        ratio, fraction = result.ratio(m), result.peak_fraction(m)
        row = [m.contender, *(_number(m.case.get(key, "")) for key in keys), _spread(m)]
        for what in rates:
            rate = m.rate(what)
            row.append("" if rate is None else _number(rate / SCALES.get(what, 1)))
        row += [f"{m.scores[name]:,.1f}" if name in m.scores else "" for name in scores]
        row += ["" if ratio is None else f"{ratio:.2f}×", "" if fraction is None else f"{fraction:.0%}"]
        rows.append([*row, "" if m.first is None else _seconds(m.first)])
    used = [index for index in range(len(headings)) if any(row[index] for row in rows)]
    return [headings[index] for index in used], [[row[index] for index in used] for row in rows]


def _spread(measurement: Measurement) -> str:
    low, median, high = quartiles(measurement.values)
    if measurement.unit == "bytes":
        scale, unit, digits = 1 / 2**30, "GiB", ".2f"
    else:
        scale, unit = (1.0, "s") if median >= 1 else (1e3, "ms")
        digits = ".3g" if median * scale < 100 else ".0f"
    return f"{median * scale:{digits}} [{low * scale:{digits}}, {high * scale:{digits}}] {unit}"


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{value * 1e3:.3g} ms"


def _number(value: str | float) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "not installed"
