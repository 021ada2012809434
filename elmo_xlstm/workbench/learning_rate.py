"""``find-lr``: which learning rates a head can be trained with, measured and drawn."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.leaderboard.plots import COLORS, Plot
from elmo_xlstm.progress import Progress
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.tasks.finetuning import FinetuneSettings
from elmo_xlstm.tasks.model import TaskModel
from elmo_xlstm.training import seed_everything
from elmo_xlstm.training.rate_range import RateRange, measure_rates

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def _draw(measured: RateRange, figure: Figure) -> None:
    """Losses by rate, with the rate that is suggested."""
    figure.set_size_inches(5.5, 3.4)
    axes = figure.add_subplot()
    axes.plot(measured.rates, measured.losses, color=COLORS[0])
    axes.axvline(measured.suggested, color=COLORS[1], linestyle="--", label="suggested")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("training loss, running mean")
    axes.grid()
    axes.legend(frameon=False)


def find_rate(
    settings: FinetuneSettings, low: float, high: float, steps: int, path: Path, progress: Progress | None = None
) -> RateRange:
    """Measure and draw the losses of an experiment's training data by learning rate.

    Args:
        settings: of the experiment.
        low: first rate.
        high: last one.
        steps: between them.
        path: of the SVG.
        progress: shows the embedding.

    Raises:
        UserError: the rates are not in order, the head is not trained by steps, or the data cannot be read.
    """
    if not 0 < low < high:
        raise UserError(f"--low {low} --high {high}: expected two rates over 0, the lower one first")
    embedder = settings.embedder.build() if settings.embedder is not None else None
    store = settings.embedder.open_store(embedder) if settings.embedder and embedder else None
    seed_everything(settings.seed)
    task = settings.build_task(embedder)
    task.prepare()
    model = task.built()
    if not isinstance(model, TaskModel):
        raise UserError(f"{settings.model}: this head has no learning rate")
    train = task.split("train")
    examples = model.read([task.texts(example) for example in train], task.targets(train), store, progress)
    trainer = settings.trainer.build()
    measured = measure_rates(
        trainer, model.head, examples, model.collate, model.length, low, high, steps, settings.seed
    )
    plot = Plot("learning-rate", f"{settings.task.name}, {settings.model}", None, partial(_draw, measured))
    write_text_atomically(path, plot.draw())
    return measured
