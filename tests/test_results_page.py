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
    assert {FROZEN, FIRST, "int8-bilm", "forward-only", "random-bilm", "unfrozen-bilm"} <= tables


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
    names, aspects = (mean(task, FROZEN) - mean(task, "random-bilm") for task in ("nerp", "casa"))
    assert says(f"with untrained weights both tasks lose (NERP {names:.1f}, CASA {aspects:.1f})")
    assert mean("nerp", "random-bilm") < mean("nerp", WITHOUT) and says(
        "NERP then falls below the head that has no model"
    )


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
    def lost(task: str, *models: str) -> list[float]:
        return [mean(task, FROZEN) - mean(task, model) for model in models]

    directions = ("forward-only", "backward-only")
    nerp = lost("nerp", *directions, "top-layer", "token-layer")
    assert says(f"help on NERP, by {min(nerp):.1f} to {max(nerp):.1f} points over any one of them")
    [top] = lost("casa", "top-layer")
    others = max(lost("casa", *directions, "token-layer"))
    assert says(f"layer alone loses {top:.1f}, while no single direction and not the token layer loses more than ")
    assert says(
        f"loses more than {others:.1f}; on TermA a single direction loses {max(lost('terma', *directions)):.1f}"
    )
    assert says(f"at most, on SmSA {max(lost('smsa', *directions)):.1f}, which is about the spread over seeds")
    [of_names], [of_aspects] = lost("nerp", "token-layer"), lost("casa", "token-layer")
    assert says(f"the block is worth {of_names:.1f} points on NERP and {of_aspects:.1f} on CASA")


def test_what_learned_layer_weights_are_and_are_worth() -> None:
    names, aspects = (mean(task, FROZEN) - mean(task, "plain-mean") for task in ("nerp", "casa"))
    assert says(f"they are worth {names:.1f} points on NERP and {aspects:.1f} on CASA")
    weights: dict[str, list[list[float]]] = {}
    for result in load_results(ROOT / "results"):
        if result.model == FROZEN:
            weights.setdefault(result.task, []).extend(mix.weights for mix in result.mix.values())
    assert all(max(layer) - min(layer) < 0.05 for mixes in weights.values() for layer in zip(*mixes, strict=True))
    means = {task: [statistics.fmean(layer) for layer in zip(*mixes, strict=True)] for task, mixes in weights.items()}
    of_forms = ("posp", "bapos", "terma", "keps", "absa_e2e")
    token = [means[task][0] for task in of_forms]
    assert min(token) > max(layers[0] for task, layers in means.items() if task not in of_forms)
    assert says(f"weigh the token layer with {min(token):.2f} to {max(token):.2f}, EmoT and HoASA the block with ")
    assert says(f"the block with {means['emot'][-1]:.2f} and {means['hoasa'][-1]:.2f}.")


def test_what_few_examples_gain() -> None:
    def gains(task: str) -> list[float]:
        return [
            mean(task, FROZEN + share) - mean(task, WITHOUT + share) for share in ("-10pct", "-25pct", "-50pct", "")
        ]

    hoasa, casa, terma = map(gains, ("hoasa", "casa", "terma"))
    assert says(f"on a tenth, {hoasa[0]:.1f} points on HoASA and {terma[0]:.1f} on TermA")
    assert says(f"against {hoasa[3]:.1f} and {terma[3]:.1f} on all.")
    assert says(f"on a quarter the gain is {casa[1]:.1f} points, on all {casa[3]:.1f}.")
    for found in (hoasa, terma):
        assert found == sorted(found, reverse=True)  # as the model card says too


def test_what_int8_and_training_with_the_head_cost() -> None:
    int8 = [mean(task, FROZEN) - mean(task, "int8-bilm") for task in ("casa", "terma")]
    assert says(f"gain {-int8[0]:.1f} points on CASA and lose {int8[1]:.1f} on TermA")
    lost = [mean(task, FROZEN) - mean(task, "unfrozen-bilm") for task in ("hoasa", "casa", "terma")]
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
