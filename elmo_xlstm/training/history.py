"""Record of a training run: metrics of every epoch, and which was the best."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class EpochRecord:
    """One epoch.

    Attributes:
        epoch: counted from 1.
        train_loss: mean over examples; NaN if every step was skipped.
        metrics: of the validation data.
        learning_rate: at the epoch's last step.
        seconds: for training and validation.
        skipped_steps: steps left out because loss or gradient was not finite.
        valid_loss: mean over the validation examples; None if it is not computed or not finite.
    """

    epoch: int
    train_loss: float
    metrics: dict[str, float]
    learning_rate: float
    seconds: float
    skipped_steps: int = 0
    valid_loss: float | None = None


@dataclass
class History:
    """All epochs of a run.

    Attributes:
        monitor: name of the metric that chose the best epoch.
        epochs: in order.
        best_epoch: whose weights were kept, or 0 before there is one.
        best_value: of the monitored metric.
    """

    monitor: str
    epochs: list[EpochRecord] = field(default_factory=list)
    best_epoch: int = 0
    best_value: float = float("-inf")

    def add(self, record: EpochRecord) -> bool:
        """Append an epoch; returns whether it is the best so far.

        Of two epochs with an equal value, the one with the smaller validation loss is better: a metric that never
        changes chooses none. NaN is never the best.
        """
        value = record.metrics[self.monitor]
        improved = value > self.best_value
        if value == self.best_value and self.best_epoch and record.valid_loss is not None:
            before = self.epochs[self.best_epoch - 1].valid_loss
            improved = before is not None and record.valid_loss < before
        self.epochs.append(record)
        if improved:
            self.best_epoch, self.best_value = record.epoch, value
        return improved

    def epochs_since_best(self) -> int:
        """Epochs since the best one."""
        return len(self.epochs) - self.best_epoch

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> History:
        """Undo :meth:`to_dict`."""
        return cls(**{**values, "epochs": [EpochRecord(**record) for record in values["epochs"]]})
