"""The checkpoint of a head's training: one sealed safetensors file, replaced as one."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import write_atomically
from elmo_xlstm.runs.checkpoints import fill_optimizer, split_optimizer
from elmo_xlstm.runs.weights import open_sealed, seal


class DamagedCheckpoint(UserError):
    """A checkpoint of a run is cut or changed."""


class CheckpointFiles:
    """The checkpoint directory of one run.

    ``latest.safetensors`` holds everything to go on from: tensors of model, optimizer and random generators, and in its
    header, as JSON, all plain values. One file means that it is replaced as one. ``best-N.safetensors`` holds the
    model of the best epoch N; it is written before the checkpoint that names it and removed after another is named.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.latest = directory / "latest.safetensors"

    def save(
        self, model: nn.Module, optimizer: torch.optim.Optimizer, values: Mapping[str, Any], best_epoch: int, new: bool
    ) -> None:
        """Write a checkpoint with JSON ``values``; ``best_epoch`` is 0 for none yet, and ``new`` if it is this one."""
        self.directory.mkdir(parents=True, exist_ok=True)
        # copies, since safetensors takes no tensors that share memory
        weights = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in model.state_dict().items()}
        if new:
            write_atomically(self._best(best_epoch), seal(weights))
        state = optimizer.state_dict()
        moments, numbers = split_optimizer(state)
        random_values, random_tensors = _random_state()
        header = {
            "values": dict(values),
            "optimizer": {"plain": numbers, "param_groups": state["param_groups"]},
            "random": random_values,
        }
        tensors = {f"model/{name}": tensor for name, tensor in weights.items()}
        tensors |= {f"optimizer/{name.replace('.', '/', 1)}": tensor for name, tensor in moments.items()}
        write_atomically(self.latest, seal({**tensors, **random_tensors}, {"state": json.dumps(header)}))
        for path in self.directory.glob("best-*.safetensors"):
            if path != self._best(best_epoch):
                path.unlink()

    def clear(self) -> None:
        """Remove the checkpoint of an earlier run, so that it cannot be taken for one of a new run."""
        for path in (self.latest, *self.directory.glob("best-*.safetensors")):
            path.unlink(missing_ok=True)

    def peek(self) -> dict[str, Any] | None:
        """The ``values`` of the latest checkpoint, or None if there is no checkpoint; a damaged one is an error."""
        if not self.latest.is_file():
            return None
        values: dict[str, Any] = self._read()[0]["values"]
        return values

    def check_best(self, best_epoch: int) -> None:
        """Make sure that the weights of the best epoch can be had at the end: DamagedCheckpoint if not."""
        if best_epoch:
            self._read_best(best_epoch)

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        """Load the latest checkpoint into model, optimizer and random generators, if it is whole and that model's."""
        header, tensors = self._read()
        self._load(model, _below("model/", tensors))
        moments = {name.replace("/", ".", 1): tensor for name, tensor in _below("optimizer/", tensors).items()}
        fill_optimizer(optimizer, moments, header["optimizer"]["plain"], header["optimizer"]["param_groups"])
        _restore_random_state(header["random"], tensors)

    def restore_best(self, model: nn.Module, best_epoch: int) -> None:
        """Load the weights of the best epoch, if they are whole and that model's."""
        self._load(model, self._read_best(best_epoch))

    def _read_best(self, best_epoch: int) -> dict[str, Tensor]:
        path = self._best(best_epoch)
        try:
            return open_sealed(path)[0]
        except (OSError, SafetensorError, ValueError) as error:
            raise DamagedCheckpoint(f"{path}: cannot be read ({error}); train again with --force") from None

    def _best(self, epoch: int) -> Path:
        return self.directory / f"best-{epoch}.safetensors"

    def _read(self) -> tuple[dict[str, Any], dict[str, Tensor]]:
        try:
            tensors, metadata = open_sealed(self.latest)
            header: dict[str, Any] = json.loads(metadata["state"])
            return header, tensors
        except (OSError, SafetensorError, TypeError, KeyError, ValueError) as error:
            raise DamagedCheckpoint(f"{self.latest}: damaged checkpoint ({error}); train again with --force") from None

    def _load(self, model: nn.Module, weights: dict[str, Tensor]) -> None:
        try:
            model.load_state_dict(weights)
        except RuntimeError as error:
            raise UserError(
                f"{self.directory}: the checkpoint belongs to another model; train again with --force ({error})"
            ) from None


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _random_state() -> tuple[dict[str, Any], dict[str, Tensor]]:
    _, keys, position, has_gauss, gauss = np.random.get_state()
    values = {"python": random.getstate(), "numpy": [np.asarray(keys).tolist(), position, has_gauss, gauss]}
    tensors = {"random/torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        tensors |= {f"random/cuda/{index}": state for index, state in enumerate(torch.cuda.get_rng_state_all())}
    return values, tensors


def _restore_random_state(values: dict[str, Any], tensors: Mapping[str, Tensor]) -> None:
    version, keys, gauss = values["python"]
    random.setstate((version, tuple(keys), gauss))
    np.random.set_state(("MT19937", np.array(values["numpy"][0], dtype=np.uint32), *values["numpy"][1:]))
    torch.set_rng_state(tensors["random/torch"])
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            if (state := tensors.get(f"random/cuda/{index}")) is not None:
                torch.cuda.set_rng_state(state, index)
