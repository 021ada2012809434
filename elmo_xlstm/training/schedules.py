"""Learning-rate schedules."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Literal

from pydantic import Field

from elmo_xlstm.config import Registry, Settings

schedules = Registry("learning-rate schedule")


class Schedule(ABC):
    """The learning rate as a fraction of the configured one."""

    @abstractmethod
    def factor(self, step: int) -> float:
        """The fraction at optimizer step ``step``, counted from 0."""

    def end_epoch(self, improved: bool) -> None:  # noqa: B027 (most schedules ignore it)
        """Report the end of an epoch and whether the monitored metric reached a new best."""

    def state(self) -> dict[str, Any]:
        """State to keep in a checkpoint, as plain JSON values."""
        return {}

    def restore(self, state: dict[str, Any]) -> None:  # noqa: B027 (most schedules have no state)
        """Continue from :meth:`state`."""


class ConstantSchedule(Schedule):
    """The same learning rate throughout."""

    @schedules.register("constant")
    class Config(Settings):
        """Settings of :class:`ConstantSchedule`."""

        type: Literal["constant"] = "constant"

        def build(self, total_steps: int) -> ConstantSchedule:
            """Make the schedule for a run of ``total_steps`` optimizer steps."""
            return ConstantSchedule()

    def factor(self, step: int) -> float:
        """See :class:`Schedule`."""
        return 1.0


class LinearSchedule(Schedule):
    """Linear warm-up, then linear decay to zero at the end of the last epoch."""

    @schedules.register("linear")
    class Config(Settings):
        """Settings of :class:`LinearSchedule`."""

        type: Literal["linear"] = "linear"
        warmup: float = Field(default=0.1, ge=0.0, lt=1.0)
        """Fraction of all steps over which the learning rate rises from zero."""

        def build(self, total_steps: int) -> LinearSchedule:
            """Make the schedule for a run of ``total_steps`` optimizer steps."""
            return LinearSchedule(round(self.warmup * total_steps), total_steps)

    def __init__(self, warmup_steps: int, total_steps: int) -> None:
        self._warmup, self._total = warmup_steps, total_steps

    def factor(self, step: int) -> float:
        """See :class:`Schedule`."""
        if step < self._warmup:
            return (step + 1) / self._warmup
        return max(0.0, (self._total - step) / max(1, self._total - self._warmup))


class ReduceOnPlateau(Schedule):
    """The learning rate is reduced when the monitored metric stops improving, as in Flair."""

    @schedules.register("reduce_on_plateau")
    class Config(Settings):
        """Settings of :class:`ReduceOnPlateau`."""

        type: Literal["reduce_on_plateau"] = "reduce_on_plateau"
        factor: float = Field(default=0.5, gt=0.0, lt=1.0)
        """Factor of each reduction."""
        patience: int = Field(default=3, ge=0)
        """Epochs without improvement before reducing."""

        def build(self, total_steps: int) -> ReduceOnPlateau:
            """Make the schedule for a run of ``total_steps`` optimizer steps."""
            return ReduceOnPlateau(self.factor, self.patience)

    def __init__(self, factor: float, patience: int) -> None:
        self._cut, self._patience = factor, patience
        self._factor, self._waited = 1.0, 0

    def factor(self, step: int) -> float:
        """See :class:`Schedule`."""
        return self._factor

    def end_epoch(self, improved: bool) -> None:
        """See :class:`Schedule`."""
        self._waited = 0 if improved else self._waited + 1
        if self._waited > self._patience:
            self._factor *= self._cut
            self._waited = 0

    def state(self) -> dict[str, Any]:
        """See :class:`Schedule`."""
        return {"factor": self._factor, "waited": self._waited}

    def restore(self, state: dict[str, Any]) -> None:
        """See :class:`Schedule`."""
        self._factor, self._waited = state["factor"], state["waited"]
