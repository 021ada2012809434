from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.__main__ import app
from benchmarks.bundled import ALL, ONE_CORE
from benchmarks.contenders import LSTM, OURS, PACKAGE, PACKAGE_TUNED, SAMPLED
from benchmarks.embedding import BERT, BERT_TUNED
from benchmarks.report import TITLES, write_report
from benchmarks.results import PEAK, Measurement, Result, read_results, table_rows, write_result
from elmo_xlstm.environment import Hardware
from elmo_xlstm.errors import UserError

FP32 = {"precision": "fp32"}


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


def step(contender: str, *seconds: float, flops: float = 1e12, **case) -> Measurement:
    return Measurement(
        contender=contender,
        case=case or FP32,
        work={"tokens": 1000.0, "flops": flops},
        values=list(seconds),
        first=30.0,
    )


def training(lstm_seconds: float) -> Result:
    peak = Measurement(contender=PEAK, case=FP32, work={"flops": 1e12}, values=[0.5])
    entered = [step(OURS, 3.9, 1.0, 1.0), step(SAMPLED, 0.8), step(PACKAGE, 2.0), step(LSTM, lstm_seconds)]
    return make_result("training", [*entered, peak])


def test_the_numbers_are_medians_ratios_and_fractions():
    result = training(1.25)
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


def test_other_work_is_compared_by_rate_and_memory_by_size():
    small, large = step(OURS, 1.0), step(PACKAGE, 4.0)
    large = large.model_copy(update={"work": {"tokens": 2000.0}})
    assert make_result("training", [small, large]).ratio(small) == 2.0
    memory = [
        Measurement(contender=name, values=[size], unit="bytes") for name, size in ((OURS, 2.0**30), (PACKAGE, 2.0**32))
    ]
    assert make_result("memory", memory).ratio(memory[0]) == 0.25


def test_results_come_back_as_they_were_written(tmp_path: Path):
    result = training(1.25)
    path = write_result(result, tmp_path)
    assert path.name == "training-base-cpu.json"
    assert read_results(tmp_path) == [result]
    (tmp_path / "other.json").write_text('{"command": "training"}')
    with pytest.raises(UserError, match="other.json: is no result"):
        read_results(tmp_path)


@pytest.mark.parametrize(("seconds", "faster"), [(0.5, True), (1.25, False)])
def test_whether_the_lstm_is_faster_is_said_from_the_data(seconds: float, faster: bool, tmp_path: Path):
    page = tmp_path / "performance.md"
    write_report([training(seconds)], page)
    text = page.read_text()
    assert f"fp32: {SAMPLED}: 2.50× the speed of {PACKAGE}." in text
    assert "fp32: ours: 50% of the matrix product's rate." in text
    assert ("**LSTM, equal parameters is faster than each of ours**, by 1.60×." in text) == faster
    assert f"{LSTM} is {'2.00× faster' if faster else '1.25× slower'} than ours." in text
    assert "Some CPU, 2 of 2 cores; torch 9.9, xlstm 8.8; 3 repeats; 2030-01-02; commit 0123456789ab-dirty." in text


def test_what_our_settings_alone_are_worth_is_told(tmp_path: Path):
    entered = [step(name, seconds) for name, seconds in ((OURS, 1.0), (SAMPLED, 0.5), (PACKAGE, 3.0))]
    trained = make_result("training", [*entered, step(PACKAGE_TUNED, 1.5)])
    sentences = [
        step(name, seconds, input="sentences")
        for name, seconds in ((OURS, 1.0), (PACKAGE, 9.0), (PACKAGE_TUNED, 6.0), (BERT, 2.5), (BERT_TUNED, 1.75))
    ]
    write_report([trained, make_result("embedding", sentences)], tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert f"fp32: {OURS}: 1.50× the speed of {PACKAGE_TUNED}." in text
    assert f"fp32: {SAMPLED}: 3.00× the speed of {PACKAGE_TUNED}." in text
    assert f"sentences: {OURS}: 9.00× the speed of {PACKAGE}." in text
    assert f"sentences: {OURS}: 6.00× the speed of {PACKAGE_TUNED}." in text
    assert f"sentences: {OURS}: 2.50× the speed of {BERT}." in text
    assert f"sentences: {OURS}: 1.75× the speed of {BERT_TUNED}." in text


def test_sections_and_plots_of_several_commands(tmp_path: Path):
    by_length = [
        step(name, seconds * length / 64, length=length)
        for length in (64, 128, 256)
        for name, seconds in ((OURS, 1.0), (PACKAGE, length / 100))
    ]
    memory = [Measurement(contender=OURS, values=[2.0**30, 2.0**30], unit="bytes")]
    held = [
        Measurement(contender=name, case={"length": length}, work={"tokens": 1024.0}, values=[size], unit="bytes")
        for length in (64, 128)
        for name, size in ((OURS, 2.0**20 * length), (LSTM, 2.0**27 - 1))
    ]
    results = [
        make_result("memory", memory, notes=["measured on a Tuesday"]),
        make_result("memory-length", held),
        make_result("length", by_length),
        training(1.25),
    ]
    page = tmp_path / "docs" / "performance.md"
    write_report(results, page)
    text = page.read_text()
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles[:4] == [
        "## Training step: base, cpu",
        "## Peak memory of a training step: base, cpu",
        "## Peak memory of training by length: base, cpu",
        "## Encoding by length: base, cpu",
    ]
    assert "- measured on a Tuesday" in text
    assert "ours: 1,000 · 2,000 · 4,000 µs a token at length 64 · 128 · 256." in text
    assert "**xlstm package is faster than ours at length 64.**" in text
    assert "ours: 64 · 128 KiB a token at length 64 · 128." in text
    assert f"**{LSTM} needs less memory than ours at length 128.**" in text
    for name in ("training", "memory", "memory-length", "length"):
        assert f"](performance/{name}-base-cpu.png)" in text
        assert (page.parent / "performance" / f"{name}-base-cpu.png").read_bytes().startswith(b"\x89PNG")


def test_losses_are_compared_in_speed_and_perplexity(tmp_path: Path):
    def trained(name: str, seconds: float, perplexity: float) -> Measurement:
        return step(name, seconds).model_copy(update={"case": {}, "scores": {"perplexity": perplexity}})

    entered = [trained("full", 2.0, 200.0), trained("sampled, 8", 0.5, 230.0), trained("adaptive", 0.8, 197.0)]
    write_report([make_result("quality", entered, reference="full")], tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "## Soft-max losses: speed and quality: base, cpu" in text
    assert "- sampled, 8: 4.00× the speed of full, perplexity +15.0% after as many tokens." in text
    assert "- adaptive: 2.50× the speed of full, perplexity -1.5% after as many tokens." in text
    again = [
        m.model_copy(update={"case": {"seed": 1}})
        for m in (trained("full", 2.0, 100.0), trained("adaptive", 1.0, 90.0))
    ]
    seeds = [*(m.model_copy(update={"case": {"seed": 0}}) for m in entered), *again]
    write_report([make_result("quality", seeds, reference="full")], tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "- sampled, 8: 4.00× the speed of full, perplexity +15.0% after as many tokens." in text
    assert "- adaptive: 2.25× the speed of full, perplexity -5.8% (of 2 seeds: -10.0% to -1.5%) after as many" in text
    headings, rows = table_rows(make_result("quality", entered, reference="full"))
    assert rows[1][headings.index("perplexity")] == "230.0"


def test_cores_are_compared_where_sentences_are_many(tmp_path: Path) -> None:
    def embedded(name: str, seconds: float) -> Measurement:
        return Measurement(contender=name, case={"input": ALL}, work={"sentences": 2000.0}, values=[seconds] * 3)

    result = make_result("bundled", [embedded(ONE_CORE, 3.0), embedded(OURS, 2.0)], reference="BERT-base")
    write_report([result], tmp_path / "page.md")
    assert "- 2,000 sentences: 2 cores are 1.50× as fast as one." in (tmp_path / "page.md").read_text()


def test_without_results_the_page_says_so(tmp_path: Path):
    write_report([], tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text()
    assert "Nothing is measured yet." in text and "## How it is measured" in text


def test_whatever_is_stored_has_a_section(tmp_path: Path) -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    assert commands - {"report", "cost", "soak"} == TITLES.keys()  # those store nothing
    measured = [step("ours", 1.0, batch=2, length=8)]
    write_report([make_result(command, measured) for command in TITLES], tmp_path / "page.md")
    headings = [line for line in (tmp_path / "page.md").read_text().splitlines() if line.startswith("## ")]
    assert headings[:-1] == [f"## {title}: base, cpu" for title in TITLES.values()]
