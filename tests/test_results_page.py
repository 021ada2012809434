"""The tables of docs/results.md are those of the result files."""

from __future__ import annotations

import statistics
from pathlib import Path

from elmo_xlstm.evaluation.results import load_results

ROOT = Path(__file__).parents[1]


def test_scores_of_models_by_tasks() -> None:
    scores: dict[tuple[str, str], list[float]] = {}
    for result in load_results(ROOT / "results"):
        scores.setdefault((result.task, result.model), []).append(100 * result.score)
    tasks = {task for task, _ in scores}
    compared, header = 0, [""]
    for line in (ROOT / "docs" / "results.md").read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            header = [""]
            continue
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if header == [""]:
            header = [cell.lower() for cell in cells]
        for task, cell in zip(header[1:], cells[1:], strict=True):
            values = scores.get((task, cells[0]))
            if task not in tasks or values is None:
                continue
            spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
            assert cell == f"{statistics.mean(values):.2f}{spread}", (cells[0], task)
            compared += 1
    assert compared > 30
