"""Checkpoints of a pretraining run: what is needed to go on, with any number of processes."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from elmo_xlstm.checkpoints import (
    STATE_FILE,
    CheckpointDirectory,
    load_optimizer,
    load_random_state,
    publish_directory,
    random_states,
    save_optimizer,
    save_random_state,
    whole_tensors,
)
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.distributed import Processes
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_files import MODEL_DIRECTORY, save_model
from elmo_xlstm.lm.sharding import load_weights, reshard
from elmo_xlstm.lm.validation import Validation
from elmo_xlstm.text import Tokenizer

logger = logging.getLogger(__name__)


@dataclass
class Position:
    """How far training has come.

    Attributes:
        step: optimizer steps done.
        best_step: of the best validation so far.
        best_loss: of that one.
    """

    step: int = 0
    best_step: int | None = None
    best_loss: float = float("inf")


class TrainingCheckpoints:
    """The checkpoints in one run directory.

    Weights and optimizer state are stored whole, however they were sharded, and a random state for every process.
    All processes call every method together; the main process writes.

    Args:
        directory: of the checkpoints.
        keep: newest ones that stay, beside the best.
        processes: of the launch.
        tokenizer: saved with every model.
        global_batch: windows of an optimizer step, on which the place in the data depends.
        seed: of the run.
    """

    def __init__(
        self, directory: Path, keep: int, processes: Processes, tokenizer: Tokenizer, global_batch: int, seed: int
    ) -> None:
        self._numbered = CheckpointDirectory(directory, keep)
        self._processes = processes
        self._tokenizer = tokenizer
        self._global_batch = global_batch
        self._seed = seed

    def save(
        self, model: BiXLSTM, optimizer: torch.optim.Optimizer, position: Position, validation: Validation
    ) -> None:
        """Write a checkpoint, and remove what is neither among the newest nor the best."""
        reshard(model)
        weights = whole_tensors(dict(model.state_dict()))
        optimizer_state = whole_tensors(optimizer.state_dict())
        randomness = self._processes.gather(random_states())
        with self._processes.together():
            if not self._processes.is_main:
                return
            with publish_directory(self._numbered.path(position.step)) as directory:
                save_model(_unsharded(model, weights), self._tokenizer, directory / MODEL_DIRECTORY)
                save_optimizer(optimizer, directory, optimizer_state)
                for process, states in enumerate(randomness):
                    save_random_state(directory / _random_file(process), states)
                state = {**asdict(position), "global_batch": self._global_batch, "validation": validation.as_dict()}
                (directory / STATE_FILE).write_text(json.dumps(state, indent=2) + "\n")
            self._numbered.prune(position.best_step)

    def load(self, model: BiXLSTM, optimizer: torch.optim.Optimizer) -> Position:
        """Go back to the newest checkpoint.

        Raises:
            UserError: there is none, or it is of another global batch.
        """
        with self._processes.together():
            directory = self._numbered.newest()
            state = json.loads((directory / STATE_FILE).read_text())
            before = state.get("global_batch", self._global_batch)
            if before != self._global_batch:
                raise UserError(
                    f"{directory}: was trained with {before} windows a step (training.batch_size x "
                    f"training.gradient_accumulation x processes), and would go on with {self._global_batch} on "
                    f"{self._processes.count} process(es); change training.batch_size or "
                    "training.gradient_accumulation so that the product stays the same"
                )
            weights = BiXLSTM.from_pretrained(directory / MODEL_DIRECTORY).state_dict()
        load_weights(model, weights)
        load_optimizer(optimizer, directory)
        self._load_random_state(directory, state["step"])
        return Position(state["step"], state["best_step"], state["best_loss"])

    def _load_random_state(self, directory: Path, step: int) -> None:
        path = directory / _random_file(self._processes.index)
        if path.is_file():
            load_random_state(path)
            return
        # A process that was not there then: numbers of its own, the same each time the checkpoint is resumed.
        entropy = (self._seed, step, self._processes.index)
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1, np.uint64)[0] >> 1))
        logger.warning("%s has no random state of process %d: seeded anew", directory, self._processes.index)

    def publish(self, step: int, target: Path) -> Validation:
        """Copy the model of a checkpoint to ``target`` and return how good it was."""
        source = self._numbered.path(step)
        with self._processes.together():
            if self._processes.is_main:
                model = BiXLSTM.from_pretrained(source / MODEL_DIRECTORY)
                with publish_directory(target) as directory:
                    save_model(model, self._tokenizer, directory)
        return Validation(**json.loads((source / STATE_FILE).read_text())["validation"])


def _random_file(process: int) -> str:
    return f"random-{process}.safetensors"


def _unsharded(model: BiXLSTM, weights: dict[str, torch.Tensor]) -> BiXLSTM:
    """A model over the given tensors themselves, without a copy."""
    with torch.device("meta"):
        whole = BiXLSTM(model.config)
    whole.load_state_dict(weights, assign=True)
    return whole
