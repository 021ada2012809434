"""``plot``: training curves, layer weights and confusion of runs, as the leaderboard draws them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from elmo_xlstm.config import ConfigError
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.leaderboard.board import build_board
from elmo_xlstm.evaluation.leaderboard.plots import plots
from elmo_xlstm.evaluation.results import RunResult, read_result
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.tasks.finetuning import RESULT_FILE


def plot_runs(runs: Sequence[Path], output: Path) -> list[Path]:
    """Draw the plots of finished runs together.

    Args:
        runs: their directories.
        output: where the SVG files go.

    Raises:
        UserError: a directory holds no finished run, runs make no row together, or there is nothing to draw.
    """
    found = plots(build_board([_result(run) for run in runs], published=()))
    if not found:
        raise UserError(f"{', '.join(map(str, runs))}: nothing was recorded that could be drawn")
    paths = {output / f"{plot.name}.svg": plot.draw() for plot in found}
    for path, text in paths.items():
        write_text_atomically(path, text)
    return list(paths)


def _result(run: Path) -> RunResult:
    path = run / RESULT_FILE
    try:
        return read_result(path)
    except OSError:
        raise UserError(f"{run}: no finished run there ({RESULT_FILE} is missing); train one with finetune") from None
    except (ValueError, ConfigError) as error:
        raise UserError(f"{path}: damaged ({error}). Make the run again: finetune with --resume") from None
