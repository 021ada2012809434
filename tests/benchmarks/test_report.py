from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import PAGES, RESULTS, app
from benchmarks.contenders import LSTM, OURS, PACKAGE, SAMPLED
from benchmarks.report import result_table, write_pages
from benchmarks.results import PEAK, Measurement, Result, read_results, table_rows, write_result
from elmo_xlstm.environment import Hardware
from elmo_xlstm.errors import UserError

ROOT = Path(__file__).parents[2]
FP32 = {"precision": "fp32"}
BEGIN, END = "before\n<!-- table training-base-cpu -->\n", "<!-- end of table -->\nafter\n"


def make_result(command: str, measurements: list[Measurement], **values) -> Result:
    return Result(
        **{
            "command": command,
            "size": "base",
            "device": "cpu",
            "threads": 2,
            "repeats": 3,
            "reference": PACKAGE,
            "date": "2030-01-02T03:04:05+00:00",
            "hardware": Hardware(cpu="Some CPU", cores=2, device="cpu"),
            "versions": {"torch": "9.9", "xlstm": "8.8"},
            "git_commit": "0123456789abcdef-dirty",
            "measurements": measurements,
            **values,
        }
    )


def step(contender: str, *seconds: float, flops: float = 1e12) -> Measurement:
    work = {"tokens": 1000.0, "flops": flops}
    return Measurement(contender=contender, case=FP32, work=work, values=list(seconds), first=30.0)


def training() -> Result:
    peak = Measurement(contender=PEAK, case=FP32, work={"flops": 1e12}, values=[0.5])
    entered = [step(OURS, 3.9, 1.0, 1.0), step(SAMPLED, 0.8), step(PACKAGE, 2.0), step(LSTM, 1.25)]
    return make_result("training", [*entered, peak], notes=["measured on a Tuesday"])


def test_the_numbers_are_medians_ratios_and_fractions() -> None:
    result = training()
    ours = result.measurements[0]
    assert ours.median == 1.0
    assert ours.rate("tokens") == 1000.0
    assert result.ratio(ours) == 2.0
    assert result.peak_fraction(ours) == 0.5
    assert result.ratio(result.measurements[-1]) is None
    headings, rows = table_rows(result)
    row = dict(zip(headings, rows[0], strict=True))
    assert row["contender"] == OURS and row["median [quartiles]"] == "1 [1, 2.45] s"
    assert (row["tokens/s"], row["speed against xlstm package"], row["of peak"]) == ("1,000", "2.00×", "50%")
    peak = dict(zip(headings, rows[-1], strict=True))
    assert peak["tokens/s"] == peak["of peak"] == ""


def test_other_work_is_compared_by_rate_and_memory_by_size() -> None:
    small, large = step(OURS, 1.0), step(PACKAGE, 4.0)
    large = large.model_copy(update={"work": {"tokens": 2000.0}})
    assert make_result("training", [small, large]).ratio(small) == 2.0
    held = [
        Measurement(contender=name, values=[size], unit="bytes") for name, size in ((OURS, 2.0**30), (PACKAGE, 2.0**32))
    ]
    result = make_result("memory", held)
    assert result.ratio(held[0]) == 0.25 and held[0].rate("tokens") is None
    headings, rows = table_rows(result)
    assert headings[-1] == "memory against xlstm package" and rows[0][1] == "1.00 [1.00, 1.00] GiB"


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    result = training()
    path = write_result(result, tmp_path)
    assert path.name == "training-base-cpu.json"
    assert read_results(tmp_path) == [result]
    (tmp_path / "other.json").write_text('{"command": "training"}')
    with pytest.raises(UserError, match="other.json: is no result"):
        read_results(tmp_path)


def test_a_table_tells_machine_versions_and_commit() -> None:
    text = result_table(training())
    assert "Some CPU, 2 of 2 cores; torch 9.9, xlstm 8.8; 3 repeats; 2030-01-02; commit 0123456789ab-dirty." in text
    assert text.endswith("\n- measured on a Tuesday\n")


def test_tables_are_written_between_their_markers_and_the_text_around_them_stays(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(BEGIN + END, encoding="utf-8")
    tables = {"training-base-cpu": "| \\1 |\n"}
    with pytest.raises(UserError, match="page.md: its tables are not those of the results"):
        write_pages([page], tables, check=True)
    for _ in range(2):  # again, and it is the same
        write_pages([page], tables)
        assert page.read_text(encoding="utf-8") == f"{BEGIN}\n| \\1 |\n\n{END}"
    write_pages([page], tables, check=True)


def test_no_table_is_forgotten_and_none_is_without_a_result(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(BEGIN + END, encoding="utf-8")
    with pytest.raises(UserError, match="no place for the table 'memory-base-cpu'"):
        write_pages([page], {"training-base-cpu": "", "memory-base-cpu": ""})
    with pytest.raises(UserError, match="no result is stored for the table 'training-base-cpu'"):
        write_pages([page], {})
    assert page.read_text(encoding="utf-8") == BEGIN + END


def test_the_tables_of_the_documentation_are_those_of_the_stored_results() -> None:
    pages = [argument for page in PAGES for argument in ("--page", str(ROOT / page))]
    app(["report", "--check", "--output", str(ROOT / RESULTS), *pages], standalone_mode=False)
