"""What docs/results.md and the model card say in numbers is what the result files say."""

from __future__ import annotations

import re
import statistics
from functools import cache
from pathlib import Path

import pytest

from elmo_xlstm.evaluation.published import GROUPS
from elmo_xlstm.evaluation.results import load_results

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
CARD = (ROOT / "MODEL_CARD.md").read_text(encoding="utf-8")
TASKS = [task for tasks in GROUPS.values() for task in tasks]
MODELS = ("frozen-bilm", "no-bilm")
FROZEN, WITHOUT = MODELS
FIRST = "frozen-bilm-v1"  # the first bundled model


@cache
def scores() -> dict[tuple[str, str], list[float]]:
    """In percent, over seeds."""
    found: dict[tuple[str, str], list[float]] = {}
    for result in load_results(ROOT / "results"):
        found.setdefault((result.task, result.model), []).append(100 * result.score)
    return found


def mean(task: str, model: str) -> float:
    return statistics.fmean(scores()[task, model])


def gain(task: str) -> float:
    return mean(task, "frozen-bilm") - mean(task, "no-bilm")


def tasks_named(listed: str) -> set[str]:
    """Of "EmoT, TermA and ABSA"."""
    names = [name for name in re.findall(r"\w+", listed) if name != "and"]
    return {"absa_e2e" if name == "ABSA" else name.lower() for name in names}


def test_every_task_has_three_seeds_with_the_model_and_without() -> None:
    assert {len(scores()[task, model]) for task in (*TASKS, "absa_e2e") for model in MODELS} == {3}


@pytest.mark.parametrize("tasks", GROUPS.values(), ids=list(GROUPS))
def test_averages(tasks: tuple[str, ...]) -> None:
    frozen, without = (f"{statistics.fmean(mean(task, model) for task in tasks):.2f}" for model in MODELS)
    assert f"| {frozen} | {without} |" in PAGE
    assert frozen in CARD and without in CARD


def spread(task: str, model: str) -> str:
    return f"{mean(task, model):.2f} ± {statistics.stdev(scores()[task, model]):.2f}"


def test_means_and_deviations_are_of_the_frozen_model() -> None:
    shown = {spread(task, model) for task, model in scores() if model == MODELS[0]}
    found = re.findall(r"\d+\.\d\d ± \d+\.\d\d", "\n".join(line for line in PAGE.splitlines() if line[:1] != "|"))
    assert len(found) >= 5 and set(found) <= shown


def test_tables_of_models_by_tasks_are_what_the_result_files_say() -> None:
    tables, columns = set(), []
    for line in PAGE.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "model":
            columns = [heading.lower() for heading in cells[1:]]
        elif line[:1] != "|":
            columns = []
        elif columns and set(cells[0]) != {"-"}:
            model = cells[0].strip("`")
            assert {column: spread(column, model) for column in columns} == dict(zip(columns, cells[1:], strict=True))
            assert {len(scores()[column, model]) for column in columns} == {3}
            tables.add(model)
    assert {FROZEN, FIRST, "int8-bilm-v1", "forward-only-v1", "random-bilm-v1", "unfrozen-bilm-v1"} <= tables


def test_gains() -> None:
    found = dict(re.findall(r"(\w+)\W+\(\+(\d+\.\d)\)", PAGE))
    tasks = {name: "absa_e2e" if name == "ABSA" else name.lower() for name in found}
    assert found == {name: f"{gain(task):.1f}" for name, task in tasks.items()}
    ranked = sorted(TASKS, key=gain, reverse=True)
    assert set(ranked[:4]) <= set(tasks.values())
    [(least, lowest, most, highest)] = re.findall(r"by ([\d.]+) \((\w+)\) to ([\d.]+)\s+points\s+\((\w+)\)\. On", PAGE)
    assert (lowest.lower(), highest.lower()) == (ranked[-1], ranked[0])
    assert (least, most) == (f"{gain(ranked[-1]):.1f}", f"{gain(ranked[0]):.1f}")


def test_what_pretraining_is_worth() -> None:
    names = {"NERP": "nerp", "CASA": "casa", "SmSA": "smsa", "TermA": "terma"}
    [listed] = re.findall(r"with untrained weights every task loses\s+\(([^)]*)\)", PAGE)
    found = {name: float(number) for name, number in re.findall(r"(\w+) (\d+\.\d)", listed)}
    lost = {name: round(mean(task, FIRST) - mean(task, "random-bilm-v1"), 1) for name, task in names.items()}
    assert found == lost


def test_what_is_not_significant_has_no_star_on_the_leaderboard() -> None:
    [listed] = re.findall(r"On ([^.]*)\s+the difference is not significant", PAGE)
    unstarred, headings = set(), []
    for line in (ROOT / "results" / "leaderboard.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if cells[0] == "model" and "parameters" in cells and "interval" not in line:
            headings = [cell.split(" ")[0].replace("\\", "") for cell in cells]
        elif cells[0] == "frozen-bilm" and headings:
            row = dict(zip(headings, cells, strict=True))
            unstarred |= {task for task in (*TASKS, "absa_e2e") if task in row and "★" not in row[task]}
            headings = []
    assert tasks_named(listed) == unstarred


def says(sentence: str) -> bool:
    """Whether the page has these words, wherever its lines end."""
    return sentence in " ".join(PAGE.split())


def test_what_one_layer_or_direction_loses() -> None:
    alone = ("forward-only-v1", "backward-only-v1", "top-layer-v1", "token-layer-v1")
    lost = {task: [mean(task, FIRST) - mean(task, model) for model in alone] for task in ("nerp", "casa", "terma")}
    low, high = ({task: f"{function(found):.1f}" for task, found in lost.items()} for function in (min, max))
    assert says(f"on NERP ({low['nerp']} to {high['nerp']} points over any one of them) and CASA ({low['casa']} to ")
    assert says(f"to {high['casa']}).") and says(f"on TermA none by more than {high['terma']} points")
    assert says(f"what comes after it is worth {lost['nerp'][alone.index('token-layer-v1')]:.1f} points on NERP")
    assert all(
        abs(mean("smsa", FIRST) - mean("smsa", model)) <= statistics.stdev(scores()["smsa", FIRST]) for model in alone
    )


def test_what_learned_layer_weights_are_and_are_worth() -> None:
    tasks = {"NERP": "nerp", "SmSA": "smsa", "CASA": "casa", "TermA": "terma"}
    gains = [f"{mean(task, FIRST) - mean(task, 'plain-mean-v1'):.1f} on {name}" for name, task in tasks.items()]
    assert says(", ".join(gains))
    weights: dict[str, list[list[float]]] = {}
    for result in load_results(ROOT / "results"):
        if result.model == FIRST:
            weights.setdefault(result.task, []).extend(mix.weights for mix in result.mix.values())
    assert all(max(layer) - min(layer) < 0.05 for mixes in weights.values() for layer in zip(*mixes, strict=True))
    means = {task: [statistics.fmean(layer) for layer in zip(*mixes, strict=True)] for task, mixes in weights.items()}
    of_forms = [means[task] for task in ("posp", "terma", "absa_e2e")]
    token, last = ([f"{function(m[layer] for m in of_forms):.2f}" for function in (min, max)] for layer in (0, -1))
    assert says(
        f"the token layer with {token[0]} to {token[1]} and the last block with {last[0]} to {last[1]}, NERP and EmoT"
    )
    assert says(f"the last block with {means['nerp'][-1]:.2f} and {means['emot'][-1]:.2f}.")


def test_what_few_examples_gain() -> None:
    def gains(task: str) -> list[float]:
        return [mean(task, FIRST + share) - mean(task, WITHOUT + share) for share in ("-10pct", "-25pct", "-50pct", "")]

    hoasa, casa, terma = map(gains, ("hoasa", "casa", "terma"))
    assert says(f"on a tenth, {hoasa[0]:.1f} points on HoASA and {terma[0]:.1f} on TermA")
    assert says(f"against {hoasa[3]:.1f} and {terma[3]:.1f} on all.")
    assert says(f"on a quarter the gain is {casa[1]:.1f} points, on all {casa[3]:.1f}.")
    for found in (hoasa, terma):
        assert found == sorted(found, reverse=True)  # as the model card says too


def test_what_int8_and_training_with_the_head_cost() -> None:
    int8 = [mean(task, FIRST) - mean(task, "int8-bilm-v1") for task in ("casa", "terma")]
    assert says(f"lose {int8[0]:.1f} points on CASA and {int8[1]:.1f} on TermA")
    lost = [mean(task, FIRST) - mean(task, "unfrozen-bilm-v1") for task in ("hoasa", "casa", "terma")]
    assert says(f"Frozen is better on all three, by {min(lost):.1f} to {max(lost):.1f} points")


def test_what_the_crf_is_worth() -> None:
    tasks = ("bapos", "terma", "keps", "nergrit", "nerp", "absa_e2e")
    gains = {task: mean(task, WITHOUT) - mean(task, "bilstm-softmax") for task in tasks}
    assert says(f"worth {gains['bapos']:.1f} points on BaPOS")
    spans = [gain for task, gain in gains.items() if task != "bapos"]
    assert says(f"{min(spans):.1f} (TermA) to {max(spans):.1f} points (NERGrit)")
    assert (gains["terma"], gains["nergrit"]) == (min(spans), max(spans))


def test_emots_head_on_validation_data() -> None:
    def best(model: str) -> float:
        runs = [result for result in load_results(ROOT / "results") if (result.task, result.model) == ("emot", model)]
        return statistics.fmean(100 * max(epoch.validation for epoch in run.curve) for run in runs)

    assert says(f"the best epochs had {best(FIRST):.1f} there") and says(f"on test {mean('emot', FIRST):.2f}, with the")
    assert says(f"The second model's best epochs have {best(FROZEN):.1f} on validation data")
    assert says(f"{mean('emot', WITHOUT):.2f} against 60.42")
