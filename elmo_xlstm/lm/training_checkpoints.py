"""Checkpoints of a pretraining run: what is needed to go on, with any number of processes."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.distributed import Processes, load_weights, reshard
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_directory import MODEL_DIRECTORY
from elmo_xlstm.lm.model_files import save_model
from elmo_xlstm.lm.optimization import WeightAverage
from elmo_xlstm.lm.scoring import Validation
from elmo_xlstm.runs.checkpoints import (
    STATE_FILE,
    CheckpointDirectory,
    load_optimizer,
    load_random_state,
    random_states,
    save_optimizer,
    save_random_state,
    whole_tensors,
)
from elmo_xlstm.runs.checksums import find_damage, write_checksums
from elmo_xlstm.runs.directories import publish_directory
from elmo_xlstm.runs.files import read_json, to_json
from elmo_xlstm.text import Tokenizer

logger = logging.getLogger(__name__)

# The weights that training goes on with, where the model of the checkpoint has the averages of earlier ones.
TRAINED_FILE = "trained.safetensors"


@dataclass
class Position:
    """How far training has come.

    Attributes:
        step: optimizer steps done.
        best_step: of the best validation so far.
        best_loss: of that one.
        skipped: steps left out because loss or gradient was not finite.
        skipped_in_a_row: of these, those at the end.
    """

    step: int = 0
    best_step: int | None = None
    best_loss: float | None = None
    skipped: int = 0
    skipped_in_a_row: int = 0


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
        corpus: its digest, on which it depends, too.
        seed: of the run.
    """

    def __init__(
        self,
        directory: Path,
        keep: int,
        processes: Processes,
        tokenizer: Tokenizer,
        global_batch: int,
        corpus: str,
        seed: int,
    ) -> None:
        self._numbered = CheckpointDirectory(directory, keep)
        self._processes = processes
        self._tokenizer = tokenizer
        self._global_batch = global_batch
        self._corpus = corpus
        self._seed = seed

    def save(
        self,
        model: BiXLSTM,
        optimizer: torch.optim.Optimizer,
        position: Position,
        validation: Validation | None,
        average: WeightAverage | None = None,
    ) -> Path:
        """Write a checkpoint, and remove what is neither among the newest nor the best.

        Args:
            model: all its weights are kept.
            optimizer: its state is kept.
            position: how far training has come.
            validation: None for a checkpoint between two validations, made only because training is interrupted; it
                goes when the next one is there.
            average: what the checkpoint's model then has for weights, those of training beside it.

        Returns:
            Where it lies.

        Raises:
            DiskError: the disk is full or refuses; earlier checkpoints are all there.
        """
        target = self._numbered.path(position.step)
        reshard(model)
        weights = whole_tensors(dict(model.state_dict()))
        optimizer_state = whole_tensors(optimizer.state_dict())
        randomness = self._processes.gather(random_states())
        with self._processes.together():
            if not self._processes.is_main:
                return target
            with publish_directory(target) as directory:
                published = weights if average is None else {**weights, **average.weights()}
                save_model(_unsharded(model, published), self._tokenizer, directory / MODEL_DIRECTORY)
                if average is not None:
                    save_file(weights, directory / TRAINED_FILE)
                save_optimizer(optimizer, directory, optimizer_state)
                for process, states in enumerate(randomness):
                    save_random_state(directory / _random_file(process), states)
                scores = validation and validation.as_dict()
                place = {"global_batch": self._global_batch, "corpus": self._corpus}
                state = {**asdict(position), **place, "validation": scores}
                (directory / STATE_FILE).write_text(to_json(state, indent=2) + "\n")
                write_checksums(directory)
            self._numbered.prune(position.best_step, passing=lambda path: _state(path)["validation"] is None)
        return target

    def load(self, model: BiXLSTM, optimizer: torch.optim.Optimizer, average: WeightAverage | None = None) -> Position:
        """Go back to the newest checkpoint that is whole; without any, stay at the beginning.

        Args:
            model: gets the weights of training.
            optimizer: gets its state.
            average: gets the averages, if the run makes any.

        Raises:
            UserError: there are checkpoints, but none is whole; or it is of another global batch or corpus, or of a
                training that had diverged.
        """
        directory = self._processes.run_on_main(self._numbered.newest)
        if directory is None:
            logger.info("there is no checkpoint yet: starting from the beginning")
            return Position()
        with self._processes.together():
            state = _state(directory)
            before = state.get("global_batch", self._global_batch)
            if before != self._global_batch:
                raise UserError(
                    f"{directory}: was trained with {before} windows a step (training.batch_size x "
                    f"training.gradient_accumulation x processes), and would go on with {self._global_batch} on "
                    f"{self._processes.count} process(es); change training.batch_size or "
                    "training.gradient_accumulation so that the product stays the same"
                )
            if state.get("corpus", self._corpus) != self._corpus:
                raise UserError(
                    f"{directory}: was trained on another corpus than there is now, some of whose text may be held "
                    "out now: sources have changed, or the version that prepares them; restore them, or start the "
                    "run anew with --force or another --output"
                )
            if state["validation"] and not math.isfinite(state["validation"]["loss"]):  # earlier versions kept those
                raise UserError(
                    f"{directory}: training had diverged, its validation loss is no number; remove this checkpoint to "
                    "go on from the one before, if there is one, or start the run anew with --force"
                )
            weights = BiXLSTM.from_pretrained(directory / MODEL_DIRECTORY).state_dict()
        if average is not None:
            average.load(weights)
            weights = load_file(directory / TRAINED_FILE)
        load_weights(model, weights)
        load_optimizer(optimizer, directory)
        self._load_random_state(directory, state["step"])
        return Position(**{name: value for name, value in state.items() if name in Position.__dataclass_fields__})

    def newest(self) -> Path | None:
        """The newest whole checkpoint, if there is one."""
        return self._numbered.newest()

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
        """Copy the best checkpoint's model to ``target``, remove surplus checkpoints, and return how good it was."""
        source = self._numbered.path(step)
        with self._processes.together():
            if self._processes.is_main:
                if damage := find_damage(source):
                    raise UserError(
                        f"{source}: the best checkpoint is damaged: {'; '.join(damage)}. Restore it from a copy; or "
                        "take the model of another checkpoint there by hand; or start the run anew with --force"
                    )
                model = BiXLSTM.from_pretrained(source / MODEL_DIRECTORY)
                with publish_directory(target) as directory:
                    save_model(model, self._tokenizer, directory)
                    write_checksums(directory)
                self._numbered.prune(step)  # a kill may have come between the last checkpoint and this
        scores = _state(source)["validation"]
        return Validation(**{name: math.inf if value is None else value for name, value in scores.items()})


def _state(directory: Path) -> dict[str, Any]:
    state: dict[str, Any] = read_json(directory / STATE_FILE)
    return state


def _random_file(process: int) -> str:
    return f"random-{process}.safetensors"


def _unsharded(model: BiXLSTM, weights: dict[str, torch.Tensor]) -> BiXLSTM:
    """A model over the given tensors themselves, without a copy."""
    whole = BiXLSTM.empty(model.config)
    whole.load_state_dict(weights, assign=True)
    return whole
