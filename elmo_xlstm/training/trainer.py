"""Training loop for a head, or any other module with a ``loss(batch)``."""

from __future__ import annotations

import json
import logging
import math
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Protocol, TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from elmo_xlstm.config import Settings
from elmo_xlstm.device import fast_matmul
from elmo_xlstm.errors import UserError
from elmo_xlstm.progress import NullProgress, Progress, Work
from elmo_xlstm.runs.checkpoint_file import CheckpointFiles, DamagedCheckpoint
from elmo_xlstm.runs.interruption import Interrupted, finishing_step, stop_requested
from elmo_xlstm.runs.tensorboard import EventLog
from elmo_xlstm.training.history import EpochRecord, History
from elmo_xlstm.training.randomness import length_buckets
from elmo_xlstm.training.schedules import ConstantSchedule, Schedule, schedules

logger = logging.getLogger(__name__)

MAX_SKIPPED_IN_A_ROW = 20

T = TypeVar("T")


class Batch(Protocol):
    """Output of a collate function and argument of a model's ``loss``."""

    def to(self, device: torch.device) -> Any:
        """The same batch on another device."""


@dataclass
class _Epoch:
    """Progress of an epoch: batches done, sum of losses over examples, number of these examples, skipped steps."""

    batches: int = 0
    loss: float = 0.0
    examples: int = 0
    skipped: int = 0


class Trainer:
    """Trains with validation, early stopping and checkpoints; the model ends with its best weights.

    Args:
        config: see :class:`Config`.
    """

    class Config(Settings):
        """Settings of :class:`Trainer`."""

        epochs: int = Field(default=50, gt=0)
        """Passes over the training data at most."""
        batch_size: int = Field(default=32, gt=0)
        """Examples per optimizer step."""
        learning_rate: float = Field(default=1e-3, gt=0)
        """Of AdamW (Loshchilov & Hutter 2019)."""
        betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.9, 0.999)
        """Decay rates of AdamW's running means of gradients and of their squares."""
        weight_decay: float = Field(default=0.0, ge=0)
        """Decoupled weight decay of AdamW."""
        gradient_clip: float | None = Field(default=5.0, gt=0)
        """Greatest norm of the gradient of all parameters together; null for no limit."""
        patience: int | None = Field(default=10, gt=0)
        """Epochs without a better value of the monitored metric before training stops; null to never stop early."""
        schedule: Annotated[Any, schedules] = Field(default_factory=ConstantSchedule.Config)
        """Schedule of the learning rate."""
        tensorboard: bool = False
        """Write loss, learning rate and validation metrics of each epoch for TensorBoard too, to ``tensorboard`` in the
        run's directory; needs the extra of that name."""

        def build(self) -> Trainer:
            """Make the trainer."""
            return Trainer(self)

    def __init__(self, config: Config) -> None:
        self.config = config

    def fit(
        self,
        model: nn.Module,
        train: Sequence[T],
        collate: Callable[[Sequence[T]], Batch],
        length: Callable[[T], int],
        evaluate: Callable[[], Mapping[str, float]],
        monitor: str,
        directory: Path,
        progress: Progress | None = None,
        resume: bool = False,
        seed: int = 0,
        own_rates: Sequence[tuple[nn.Module, float]] = (),
        valid_loss: Callable[[], float] | None = None,
    ) -> History:
        """Train ``model``, leaving the weights of its best epoch in it.

        After each epoch, and when a signal stops the run within one, a complete checkpoint replaces the last one in
        ``directory / "checkpoint"``. On a CPU, a run that is stopped and resumed ends with the same bits as one that
        is not. Batch order and dropout follow from ``seed``, through the global random generators.

        Args:
            model: has ``loss(batch) -> scalar``, the mean over the batch's examples; trained where it lies.
            train: the examples.
            collate: makes a batch of some of them.
            length: of an example; examples of similar length share a batch.
            evaluate: gives the validation metrics; the model is then in eval mode and gradients are off.
            monitor: which of them chooses the best epoch; greater is better.
            directory: of the run.
            progress: shows epochs, loss and the metric.
            resume: continue from the checkpoint in ``directory`` if there is one; otherwise it is removed.
            seed: of this run.
            valid_loss: gives the loss of the validation data, which breaks ties of ``monitor``.
            own_rates: parts of the model with learning rates of their own; the schedule applies to all.

        Raises:
            UserError: there are no examples; ``monitor`` is not among the metrics; the loss stays non-finite; a
                checkpoint to resume from was made with other settings; the disk is full.
            Interrupted: SIGTERM or Ctrl-C; a checkpoint was written first.
        """
        if not train:
            raise UserError("there are no training examples; check the task's data")
        torch.manual_seed(seed)
        parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
        groups, rates = _parameter_groups(parameters, own_rates, self.config.learning_rate)
        optimizer = self.optimizer(groups)
        lengths = [length(example) for example in train]
        steps = math.ceil(len(train) / self.config.batch_size)
        schedule: Schedule = self.config.schedule.build(self.config.epochs * steps)
        made_with = {
            **self.config.model_dump(mode="json", exclude={"tensorboard"}),
            "training examples": [len(train), zlib.crc32(repr(lengths).encode())],
            "monitored metric": monitor,
            "seed": seed,
            **({"learning rates": rates} if own_rates else {}),
        }
        files = CheckpointFiles(directory / "checkpoint")
        history, skipped_in_a_row, under_way = History(monitor), 0, _Epoch()
        if not resume:
            files.clear()
        values = _whole_checkpoint(files)
        if values is not None:
            _refuse_other_settings(values["made_with"], made_with, files.latest)
            files.restore(model, optimizer)
            schedule.restore(values["schedule"])
            history, skipped_in_a_row = History.from_dict(values["history"]), values["skipped_in_a_row"]
            under_way = _Epoch(**values.get("under_way", {}))
            within = f" and batch {under_way.batches} of the next" if under_way.batches else ""
            logger.info("resuming after epoch %d%s", len(history.epochs), within)

        def save(improved: bool) -> None:
            values = {
                "made_with": made_with,
                "schedule": schedule.state(),
                "history": history.to_dict(),
                "skipped_in_a_row": skipped_in_a_row,
                "under_way": asdict(under_way),
            }
            files.save(model, optimizer, values, history.best_epoch, new=improved)

        events = EventLog(directory, len(history.epochs)) if self.config.tensorboard else None
        shown = NullProgress() if progress is None else progress
        done = len(history.epochs) * steps + under_way.batches
        with (
            finishing_step(),
            fast_matmul(parameters[0].device),  # for a language model that learns; heads alone gain little
            shown.task("training", total=self.config.epochs * steps, done=done) as work,
        ):
            while not self._finished(history):
                epoch, started = len(history.epochs) + 1, time.monotonic()
                model.train()
                batches = length_buckets(lengths, self.config.batch_size, seed, epoch)
                for number, indices in enumerate(batches):
                    if number < under_way.batches:
                        continue
                    factor = schedule.factor((epoch - 1) * steps + number)
                    for group, rate in zip(optimizer.param_groups, rates, strict=True):
                        group["lr"] = rate * factor
                    loss = self.step(model, parameters, optimizer, collate([train[index] for index in indices]))
                    under_way.batches += 1
                    if loss is None:
                        under_way.skipped, skipped_in_a_row = under_way.skipped + 1, skipped_in_a_row + 1
                        if skipped_in_a_row > MAX_SKIPPED_IN_A_ROW:
                            kept = f"the last good checkpoint is {files.latest}, after epoch {len(history.epochs)}"
                            raise UserError(
                                f"epoch {epoch}, batch {number + 1} of {len(batches)}: loss or gradient was not finite "
                                f"in {skipped_in_a_row} steps in a row; "
                                f"{kept if history.epochs else 'there is no checkpoint yet'}. Lower "
                                "trainer.learning_rate or look for non-finite features"
                            )
                    else:
                        skipped_in_a_row = 0
                        under_way.loss += loss * len(indices)
                        under_way.examples += len(indices)
                    _advance(work, history, epoch, loss)
                    if (signal := stop_requested()) and number + 1 < len(batches):
                        save(improved=False)
                        raise Interrupted(
                            signal, f"{directory}: a checkpoint was written after batch {number + 1} of epoch {epoch}"
                        )
                metrics, loss = _validate(model, evaluate, monitor, valid_loss)
                train_loss = under_way.loss / under_way.examples if under_way.examples else float("nan")
                rate = optimizer.param_groups[0]["lr"]
                record = EpochRecord(
                    epoch, train_loss, metrics, rate, time.monotonic() - started, under_way.skipped, loss
                )
                if events is not None:
                    losses = {"train loss": train_loss, "validation loss": loss, "learning rate": rate}
                    events.add(epoch, "training", losses)
                    events.add(epoch, "validation", metrics)
                improved = history.add(record)
                schedule.end_epoch(improved)
                under_way = _Epoch()
                save(improved)
                logger.info("epoch %d: loss %.4f, %s %.4f", epoch, train_loss, monitor, metrics[monitor])
                if signal := stop_requested():
                    raise Interrupted(signal, f"{directory}: a checkpoint was written after epoch {epoch}")
        if events is not None:
            events.close()
        if history.best_epoch:
            files.restore_best(model, history.best_epoch)
        else:
            logger.warning("%s was never a number; the weights are those of the last epoch", monitor)
        model.eval()
        return history

    def _finished(self, history: History) -> bool:
        patience = self.config.patience
        return len(history.epochs) >= self.config.epochs or (
            patience is not None and history.epochs_since_best() >= patience
        )

    def optimizer(self, groups: list[dict[str, Any]]) -> torch.optim.Optimizer:
        """AdamW of parameter groups."""
        return torch.optim.AdamW(
            groups,
            self.config.learning_rate,
            betas=self.config.betas,
            weight_decay=self.config.weight_decay,
            fused=True,  # a quarter of the time on a CPU
        )

    def step(
        self, model: nn.Module, parameters: list[nn.Parameter], optimizer: torch.optim.Optimizer, batch: Batch
    ) -> float | None:
        """One optimizer step; the loss, or None if it was skipped because loss or gradient was not finite."""
        optimizer.zero_grad(set_to_none=True)
        loss: Tensor = model.loss(batch.to(parameters[0].device))  # type: ignore[operator]
        if not torch.isfinite(loss):
            return None
        loss.backward()
        limit = float("inf") if self.config.gradient_clip is None else self.config.gradient_clip
        if not torch.isfinite(nn.utils.clip_grad_norm_(parameters, limit)):
            return None
        optimizer.step()
        return loss.item()


def _parameter_groups(
    parameters: Sequence[nn.Parameter], own_rates: Sequence[tuple[nn.Module, float]], rate: float
) -> tuple[list[dict[str, Any]], list[float]]:
    """Parameter groups of the optimizer and their learning rates; the first has all that no other has."""
    parts = [{parameter: None for parameter in part.parameters() if parameter.requires_grad} for part, _ in own_rates]
    rest = [parameter for parameter in parameters if not any(parameter in part for part in parts)]
    groups: list[dict[str, Any]] = [{"params": group} for group in (rest, *map(list, parts))]
    return groups, [rate, *(own for _, own in own_rates)]


def _validate(
    model: nn.Module,
    evaluate: Callable[[], Mapping[str, float]],
    monitor: str,
    valid_loss: Callable[[], float] | None,
) -> tuple[dict[str, float], float | None]:
    """The validation metrics, and the loss if there is a finite one."""
    model.eval()
    with torch.no_grad():
        metrics = {name: float(value) for name, value in evaluate().items()}
        loss = valid_loss() if valid_loss is not None else math.nan
    if monitor not in metrics:
        raise UserError(f"the monitored metric '{monitor}' is not among the validation metrics: {', '.join(metrics)}")
    return metrics, loss if math.isfinite(loss) else None


def _advance(work: Work, history: History, epoch: int, loss: float | None) -> None:
    shown = {"epoch": epoch, "loss": "skipped" if loss is None else f"{loss:.3f}"}
    if history.best_epoch:
        shown["best"] = f"{history.best_value:.4f}"
    work.advance(1, **shown)


def _whole_checkpoint(files: CheckpointFiles) -> dict[str, Any] | None:
    """Values of the latest checkpoint; None if it or the best weights are damaged, to train from the start again."""
    try:
        values = files.peek()
        if values is not None:
            files.check_best(values["history"]["best_epoch"])
        return values
    except DamagedCheckpoint as error:
        logger.warning("%s; training begins again", str(error).split(";")[0])
        files.clear()
        return None


def _refuse_other_settings(before: dict[str, Any], now: dict[str, Any], path: Path) -> None:
    now = json.loads(json.dumps(now))  # as a checkpoint keeps it: tuples are lists
    changed = [f"{key} was {before.get(key)} and is {value}" for key, value in now.items() if before.get(key) != value]
    if changed:
        raise UserError(f"{path}: cannot resume: {'; '.join(changed)}; undo this or train again with --force")
