"""Checkpoints of trainings: tensors in safetensors files, the rest as JSON, whole or not there, with checksums.

A pretraining keeps numbered directories, since its models are large and may be sharded. A head keeps one sealed file
(:mod:`elmo_xlstm.runs.checkpoint_file`), by the same functions for its optimizer.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.checksums import find_damage
from elmo_xlstm.runs.directories import PARTIAL
from elmo_xlstm.runs.files import read_json

if TYPE_CHECKING:
    from torch.distributed.tensor import DTensor

logger = logging.getLogger(__name__)

STATE_FILE = "state.json"


def whole_tensors(values: Any) -> Any:
    """Copy nested dictionaries and lists with every sharded tensor whole, on the CPU.

    All processes of a sharded training must call it together. Other values stay as they are.
    """
    if _is_sharded(values):
        return values.full_tensor().cpu()
    if isinstance(values, dict):
        return {key: whole_tensors(value) for key, value in values.items()}
    if isinstance(values, list):
        return [whole_tensors(value) for value in values]
    return values


def placed_like(whole: Tensor, other: Tensor) -> Tensor:
    """A whole tensor on the device of ``other`` and, if that is sharded, sharded alike, by all processes together."""
    if _is_sharded(other):
        from torch.distributed.tensor import distribute_tensor

        return distribute_tensor(whole.to(other.device), other.device_mesh, other.placements)
    return whole.to(other.device)


def _is_sharded(value: Any) -> TypeGuard[DTensor]:
    """Whether a value is a ``DTensor``, told without the class: its module takes a second to import."""
    return isinstance(value, Tensor) and hasattr(value, "full_tensor")


def split_optimizer(state: Mapping[str, Any]) -> tuple[dict[str, Tensor], dict[str, dict[str, Any]]]:
    """The tensors of an optimizer's ``state_dict()``, as ``parameter.name``, and its numbers by parameter."""
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for parameter, entries in state["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{parameter}.{name}"] = value.detach().to("cpu").contiguous()
            else:
                numbers.setdefault(str(parameter), {})[name] = value
    return tensors, numbers


def fill_optimizer(
    optimizer: torch.optim.Optimizer,
    tensors: Mapping[str, Tensor],
    numbers: Mapping[str, Mapping[str, Any]],
    groups: list[dict[str, Any]],
) -> None:
    """Put what :func:`split_optimizer` gave, and the groups, into an optimizer over the same parameters."""
    state: dict[int, dict[str, Any]] = {int(parameter): dict(entries) for parameter, entries in numbers.items()}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for key, value in tensors.items():
        index, _, name = key.partition(".")
        parameter = parameters[int(index)]
        same_shape = value.shape == parameter.shape  # not so the number of steps
        state.setdefault(int(index), {})[name] = placed_like(value, parameter) if same_shape else value
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def save_optimizer(optimizer: torch.optim.Optimizer, directory: Path, state: Mapping[str, Any] | None = None) -> None:
    """Write an optimizer's state, or one with :func:`whole_tensors`, to ``optimizer.safetensors`` and ``.json``."""
    state = optimizer.state_dict() if state is None else state
    tensors, numbers = split_optimizer(state)
    save_file(tensors, directory / "optimizer.safetensors")
    (directory / "optimizer.json").write_text(json.dumps({"state": numbers, "groups": state["param_groups"]}))


def load_optimizer(optimizer: torch.optim.Optimizer, directory: Path) -> None:
    """Read what :func:`save_optimizer` wrote into an optimizer over the same parameters, sharded or not."""
    plain = read_json(directory / "optimizer.json")
    fill_optimizer(optimizer, load_file(directory / "optimizer.safetensors"), plain["state"], plain["groups"])


def random_states() -> dict[str, Tensor]:
    """This process's random states in torch, of the CPU and of its CUDA device, as byte tensors."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def save_random_state(path: Path, states: dict[str, Tensor] | None = None) -> None:
    """Write :func:`random_states`, of this process if none are given."""
    save_file(random_states() if states is None else states, path)


def load_random_state(path: Path) -> None:
    """Restore what :func:`save_random_state` wrote; that of a CUDA device only where there is one."""
    states = load_file(path)
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


class CheckpointDirectory:
    """The numbered checkpoints of one run, ``step-...`` directories, pruned to the newest ``keep`` and the best."""

    def __init__(self, directory: Path, keep: int) -> None:
        self._directory = directory
        self._keep = keep

    def path(self, step: int) -> Path:
        """The directory of the checkpoint after ``step`` steps."""
        return self._directory / f"step-{step:08d}"

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, oldest first."""
        if not self._directory.is_dir():
            return []
        names = (re.fullmatch(r"step-(\d{8,})", path.name) for path in self._directory.iterdir())
        return sorted(int(name[1]) for name in names if name)

    def newest(self) -> Path | None:
        """The newest whole checkpoint, if there is any; UserError if all are damaged. Such are named in the log."""
        damaged: list[str] = []
        for step in reversed(self.steps()):
            found = find_damage(self.path(step))
            if not found:
                return self.path(step)
            damaged += found
            logger.warning("%s is damaged and not used: %s", self.path(step), "; ".join(found))
        if damaged:
            raise UserError(
                f"{self._directory}: every checkpoint is damaged: {'; '.join(damaged)}. Restore one of them from a "
                "copy, or start the run anew with --force"
            )
        return None

    def prune(self, best: int | None, passing: Callable[[Path], bool] = lambda path: False) -> None:
        """Remove what is neither among the newest nor the best; a ``passing`` one goes as soon as the next is there."""
        for step in self.steps()[:-1]:
            if step != best and passing(self.path(step)):
                self._remove(step)
        for step in self.steps()[: -self._keep]:
            if step != best:
                self._remove(step)

    def _remove(self, step: int) -> None:
        """First away from its name, so that a kill in between leaves no part of it there."""
        path = self.path(step)
        going = path.with_name(f".{path.name}{PARTIAL}")
        shutil.rmtree(going, ignore_errors=True)
        path.rename(going)
        shutil.rmtree(going)
