"""Checkpoints as directories that are whole or not there, with tensors in safetensors files and the rest as JSON."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from elmo_xlstm.errors import UserError

STATE_FILE = "state.json"


@contextmanager
def publish_directory(target: Path) -> Iterator[Path]:
    """Yield a temporary directory beside ``target`` that replaces it when the block ends without an error.

    Files are flushed to disk before the rename, so that a name never stands for half its content.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.parent / f".{target.name}.partial"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        yield temporary
        for path in temporary.rglob("*"):
            if path.is_file():
                _flush(path)
        if target.exists():
            old = target.parent / f".{target.name}.old"
            shutil.rmtree(old, ignore_errors=True)
            target.rename(old)
            temporary.rename(target)
            shutil.rmtree(old)
        else:
            temporary.rename(target)
        _flush(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def save_optimizer(optimizer: torch.optim.Optimizer, directory: Path) -> None:
    """Write an optimizer's state: tensors to ``optimizer.safetensors``, numbers to ``optimizer.json``."""
    state = optimizer.state_dict()
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
    """Read what :func:`save_optimizer` wrote into an optimizer over the same parameters."""
    plain = json.loads((directory / "optimizer.json").read_text())
    state: dict[int, dict[str, Any]] = {int(parameter): entries for parameter, entries in plain["state"].items()}
    for key, value in load_file(directory / "optimizer.safetensors").items():
        parameter, _, name = key.partition(".")
        state.setdefault(int(parameter), {})[name] = value
    optimizer.load_state_dict({"state": state, "param_groups": plain["groups"]})


def save_random_state(path: Path) -> None:
    """Write torch's random states (CPU and every CUDA device) as byte tensors."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states |= {f"cuda{index}": state for index, state in enumerate(torch.cuda.get_rng_state_all())}
    save_file(states, path)


def load_random_state(path: Path) -> None:
    """Restore what :func:`save_random_state` wrote; CUDA states only where there is such a device."""
    states = load_file(path)
    torch.set_rng_state(states.pop("cpu"))
    for name, state in states.items():
        index = int(name.removeprefix("cuda"))
        if index < torch.cuda.device_count():
            torch.cuda.set_rng_state(state, index)


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

    def newest(self) -> Path:
        """The checkpoint to go on from.

        Raises:
            UserError: there is none.
        """
        steps = self.steps()
        if not steps:
            raise UserError(f"{self._directory}: no complete checkpoint to resume from; start the run without --resume")
        return self.path(steps[-1])

    def prune(self, best: int | None) -> None:
        """Remove what is neither among the newest nor the best."""
        for step in self.steps()[: -self._keep]:
            if step != best:
                shutil.rmtree(self.path(step))
