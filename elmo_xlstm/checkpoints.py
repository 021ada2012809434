"""Checkpoints as directories that are whole or not there, with tensors in safetensors files and the rest as JSON."""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor

from elmo_xlstm.atomic import PARTIAL, replace_directory, restore_directory
from elmo_xlstm.checksums import CHECKSUMS_FILE, find_damage, written_files
from elmo_xlstm.disk import writing
from elmo_xlstm.errors import UserError
from elmo_xlstm.files import read_json

logger = logging.getLogger(__name__)

STATE_FILE = "state.json"


@contextmanager
def publish_directory(target: Path) -> Iterator[Path]:
    """Yield a temporary directory beside ``target`` that replaces it when the block ends without an error.

    Files are flushed to disk before the rename, so that a name never stands for half its content. What a killed
    process left of an earlier call for ``target`` is removed. What others put into ``target``, by its list of
    checksums, goes along into the new directory.

    Raises:
        DiskError: the disk is full or refuses; ``target`` is then as it was.
    """
    temporary = target.parent / f".{target.name}{PARTIAL}"
    with writing(target):
        if target.exists() and not target.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(target))
        target.parent.mkdir(parents=True, exist_ok=True)
        restore_directory(target)
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            yield temporary
            _take_along(target, temporary)
            for path in temporary.rglob("*"):
                if path.is_file():
                    _flush(path)
            replace_directory(temporary, target)
            _flush(target.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _take_along(old: Path, new: Path) -> None:
    """Copy the files that are not ours into the directory that replaces theirs."""
    if not (old / CHECKSUMS_FILE).is_file():
        return
    ours = set(written_files(old))
    for path in old.rglob("*"):
        target = new / path.relative_to(old)
        if path not in ours and not path.is_dir() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target, follow_symlinks=False)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def whole_tensors(values: Any) -> Any:
    """Copy nested dictionaries and lists with every sharded tensor whole, on the CPU.

    All processes of a sharded training must call it together. Other values stay as they are.
    """
    if isinstance(values, DTensor):
        return values.full_tensor().cpu()
    if isinstance(values, dict):
        return {key: whole_tensors(value) for key, value in values.items()}
    if isinstance(values, list):
        return [whole_tensors(value) for value in values]
    return values


def placed_like(whole: Tensor, other: Tensor) -> Tensor:
    """A whole tensor on the device of ``other`` and, if that is sharded, sharded alike, by all processes together."""
    if isinstance(other, DTensor):
        return distribute_tensor(whole.to(other.device), other.device_mesh, other.placements)
    return whole.to(other.device)


def save_optimizer(optimizer: torch.optim.Optimizer, directory: Path, state: Mapping[str, Any] | None = None) -> None:
    """Write an optimizer's state: tensors to ``optimizer.safetensors``, numbers to ``optimizer.json``.

    Args:
        optimizer: whose state it is.
        directory: where the files go.
        state: its ``state_dict()`` with :func:`whole_tensors`, if its own are sharded.
    """
    state = optimizer.state_dict() if state is None else state
    tensors: dict[str, Tensor] = {}
    numbers: dict[str, dict[str, Any]] = {}
    for parameter, entries in state["state"].items():
        for name, value in entries.items():
            if isinstance(value, Tensor):
                tensors[f"{parameter}.{name}"] = value.contiguous()
            else:
                numbers.setdefault(str(parameter), {})[name] = value
    save_file(tensors, directory / "optimizer.safetensors")
    (directory / "optimizer.json").write_text(json.dumps({"state": numbers, "groups": state["param_groups"]}))


def load_optimizer(optimizer: torch.optim.Optimizer, directory: Path) -> None:
    """Read what :func:`save_optimizer` wrote into an optimizer over the same parameters, sharded or not."""
    plain = read_json(directory / "optimizer.json")
    state: dict[int, dict[str, Any]] = {int(parameter): entries for parameter, entries in plain["state"].items()}
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for key, value in load_file(directory / "optimizer.safetensors").items():
        index, _, name = key.partition(".")
        parameter = parameters[int(index)]
        same_shape = value.shape == parameter.shape  # not so the number of steps
        state.setdefault(int(index), {})[name] = placed_like(value, parameter) if same_shape else value
    optimizer.load_state_dict({"state": state, "param_groups": plain["groups"]})


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
    """The numbered checkpoints of one run, pruned to the newest few and the best.

    Args:
        directory: holds one ``step-...`` directory a checkpoint.
        keep: newest ones that stay, beside the best.
    """

    def __init__(self, directory: Path, keep: int) -> None:
        self._directory = directory
        self._keep = keep

    def path(self, step: int) -> Path:
        """Where the checkpoint after ``step`` steps lies."""
        return self._directory / f"step-{step:08d}"

    def steps(self) -> list[int]:
        """Steps of the complete checkpoints, oldest first."""
        if not self._directory.is_dir():
            return []
        names = (re.fullmatch(r"step-(\d{8,})", path.name) for path in self._directory.iterdir())
        return sorted(int(name[1]) for name in names if name)

    def newest(self) -> Path | None:
        """The newest whole checkpoint, or None if there is none at all; damaged ones are named in the log.

        Raises:
            UserError: there are checkpoints, but all are damaged.
        """
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
        """Remove what is neither among the newest nor the best.

        Args:
            best: step of the best one.
            passing: whether a checkpoint is of use only until the next one is there.
        """
        steps = self.steps()
        for step in steps[:-1]:
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
