"""The pretraining loop."""

from __future__ import annotations

import json
import logging
import time
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed

from elmo_xlstm.checkpoints import (
    STATE_FILE,
    CheckpointDirectory,
    load_optimizer,
    load_random_state,
    publish_directory,
    save_optimizer,
    save_random_state,
)
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_files import MODEL_DIRECTORY, save_model
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.validation import Validation, validate_model
from elmo_xlstm.lm.windows import WindowSampler
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.text import Corpus, Tokenizer, prepare_corpus

logger = logging.getLogger(__name__)

METRICS_FILE = "metrics.jsonl"


@dataclass
class _Position:
    """What a checkpoint remembers beside tensors."""

    step: int = 0
    best_step: int | None = None
    best_loss: float = float("inf")


class Pretraining:
    """Trains one model in one run directory.

    Args:
        settings: of the experiment.
        tokenizer: of the corpus; saved with every checkpoint.
        corpus: tokenised text.
        directory: of the run.
    """

    def __init__(self, settings: PretrainSettings, tokenizer: Tokenizer, corpus: Corpus, directory: Path) -> None:
        self.settings = settings
        self.tokenizer = tokenizer
        self.corpus = corpus
        self.directory = directory
        training = settings.training
        self.accelerator = Accelerator(mixed_precision=mixed_precision(training.precision))
        set_seed(settings.seed, device_specific=True)
        self.global_batch = training.batch_size * training.gradient_accumulation * self.accelerator.num_processes
        self.sampler = WindowSampler(corpus.train, settings.model.context_length, self.global_batch, settings.seed)
        self.total_steps = self._total_steps()
        self.softmax_loss = settings.softmax_loss.build(corpus.token_counts)
        model = BiXLSTM(settings.model.build(tokenizer))
        if training.compile:
            model.forward_stack.compile(dynamic=False)
            model.backward_stack.compile(dynamic=False)
        self.model, self.optimizer = self.accelerator.prepare(model, settings.optimizer.build(model))
        self.checkpoints = CheckpointDirectory(directory / "checkpoints", training.keep_checkpoints)
        self.position = _Position()

    @property
    def bare_model(self) -> BiXLSTM:
        """The model without what Accelerate wraps around it."""
        return self.accelerator.unwrap_model(self.model)

    def _total_steps(self) -> int:
        training = self.settings.training
        limits = []
        if training.epochs is not None:
            limits.append(max(1, round(training.epochs * self.sampler.steps_per_epoch)))
        if training.max_steps is not None:
            limits.append(training.max_steps)
        return min(limits)

    def run(self, resume: bool = False, progress: Progress | None = None) -> Validation:
        """Train to the end.

        Args:
            resume: go on from the newest checkpoint.
            progress: shows how far it is.

        Returns:
            The validation of the best checkpoint, whose model then lies in ``model/``.
        """
        if resume:
            self._load_checkpoint()
        training = self.settings.training
        tokens_per_step = self.global_batch * self.settings.model.context_length
        losses: list[torch.Tensor] = []
        started, waited = time.monotonic(), 0.0
        with (progress or NullProgress()).task("pretrain", self.total_steps, self.position.step) as work:
            while self.position.step < self.total_steps:
                before = time.monotonic()
                windows = self.sampler.batch(
                    self.position.step, self.accelerator.process_index, self.accelerator.num_processes
                )
                waited += time.monotonic() - before
                losses.append(self._step(windows))
                self.position.step += 1
                work.advance()
                if self.position.step % training.log_every == 0 or self.position.step == self.total_steps:
                    seconds = time.monotonic() - started
                    entry = {
                        "loss": round(torch.stack(losses).mean().item(), 6),
                        "learning_rate": self.optimizer.param_groups[0]["lr"],
                        "tokens_per_second": round(len(losses) * tokens_per_step / seconds, 1),
                        "data_share": round(waited / seconds, 4),
                    }
                    self._log("train", entry)
                    work.advance(0, loss=f"{entry['loss']:.4f}", tokens=f"{entry['tokens_per_second']:.0f}/s")
                    losses = []
                    started, waited = time.monotonic(), 0.0
                if self.position.step % training.validate_every == 0 or self.position.step == self.total_steps:
                    self._validate_and_save()
                    started, waited = time.monotonic(), 0.0
        return self._finish()

    def _step(self, windows: torch.Tensor) -> torch.Tensor:
        """One optimizer step; the mean loss of its windows on this process."""
        factor = self.settings.schedule.factor(self.position.step, self.total_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.optimizer.learning_rate * factor
        self.model.train()
        passes = windows.split(self.settings.training.batch_size)
        total = torch.zeros((), device=self.accelerator.device)
        for index, part in enumerate(passes):
            # Gradients are summed over processes once, in the last pass.
            last = index == len(passes) - 1
            with nullcontext() if last else self.accelerator.no_sync(self.model):
                output = self.model(self._to_device(part), softmax_loss=self.softmax_loss)
                self.accelerator.backward(output.loss / len(passes))
            total += output.loss.detach() / len(passes)
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.settings.optimizer.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total

    def _to_device(self, windows: torch.Tensor) -> torch.Tensor:
        if self.accelerator.device.type == "cuda":
            windows = windows.pin_memory()
        return windows.to(self.accelerator.device, non_blocking=True)

    def _validate_and_save(self) -> None:
        training = self.settings.training
        with torch.compiler.set_stance("force_eager"):  # its last window has another shape
            stream, batch_size, limit = self.corpus.validation, training.batch_size, training.validation_tokens
            validation = validate_model(self.bare_model, stream, batch_size, limit, self.accelerator)
        self._log("validation", validation.as_dict())
        if validation.loss < self.position.best_loss:
            self.position.best_loss, self.position.best_step = validation.loss, self.position.step
        if self.accelerator.is_main_process:
            self._save_checkpoint(validation)
            self.checkpoints.prune(self.position.best_step)
        self.accelerator.wait_for_everyone()

    def _save_checkpoint(self, validation: Validation) -> None:
        with publish_directory(self.checkpoints.path(self.position.step)) as directory:
            save_model(self.bare_model, self.tokenizer, directory / MODEL_DIRECTORY)
            save_optimizer(self.optimizer.optimizer, directory)
            save_random_state(directory / "random.safetensors")
            state = {**vars(self.position), "validation": validation.as_dict()}
            (directory / STATE_FILE).write_text(json.dumps(state, indent=2) + "\n")

    def _load_checkpoint(self) -> None:
        directory = self.checkpoints.newest()
        state = json.loads((directory / STATE_FILE).read_text())
        self.position = _Position(state["step"], state["best_step"], state["best_loss"])
        saved = BiXLSTM.from_pretrained(directory / MODEL_DIRECTORY)
        self.bare_model.load_state_dict(saved.state_dict())
        load_optimizer(self.optimizer.optimizer, directory)
        load_random_state(directory / "random.safetensors")
        self._forget_metrics_after(self.position.step)
        logger.info("resuming after step %d of %d", self.position.step, self.total_steps)

    def _forget_metrics_after(self, step: int) -> None:
        path = self.directory / METRICS_FILE
        if self.accelerator.is_main_process and path.exists():
            lines = [line for line in path.read_text().splitlines() if line.endswith("}")]
            kept = [line for line in lines if json.loads(line)["step"] <= step]
            path.write_text("".join(line + "\n" for line in kept))

    def _log(self, kind: str, values: dict[str, Any]) -> None:
        if not self.accelerator.is_main_process:
            return
        with open(self.directory / METRICS_FILE, "a") as file:
            file.write(json.dumps({"step": self.position.step, "kind": kind, **values}) + "\n")
        shown = "  ".join(f"{key} {value:.4g}" for key, value in values.items())
        logger.info("step %d  %s  %s", self.position.step, kind, shown)

    def _finish(self) -> Validation:
        """Publish the best checkpoint's model as the run's model."""
        assert self.position.best_step is not None
        best = self.checkpoints.path(self.position.best_step)
        if self.accelerator.is_main_process:
            model = BiXLSTM.from_pretrained(best / MODEL_DIRECTORY)
            with publish_directory(self.directory / MODEL_DIRECTORY) as directory:
                save_model(model, self.tokenizer, directory)
        self.accelerator.wait_for_everyone()
        return Validation(**json.loads((best / STATE_FILE).read_text())["validation"])


def mixed_precision(precision: str) -> str:
    """Accelerate's name for a precision setting."""
    if precision == "auto":
        precision = "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() else "fp32"
    return "no" if precision == "fp32" else precision


def run_pretraining(
    settings: PretrainSettings, directory: Path, resume: bool = False, progress: Progress | None = None
) -> Validation:
    """Prepare the corpus and train.

    Args:
        settings: of the experiment.
        directory: of the run, opened with :func:`~elmo_xlstm.run_directory.open_run`.
        resume: go on from the newest checkpoint.
        progress: shows how far the work has come.

    Returns:
        The validation of the model that lies in ``directory/model``.
    """
    tokenizer = settings.tokenizer.build()
    corpus = prepare_corpus(settings.corpus, tokenizer, Path(settings.corpus_directory), progress)
    return Pretraining(settings, tokenizer, corpus, directory).run(resume, progress)


def describe_pretraining(settings: PretrainSettings, progress: Progress | None = None) -> dict[str, Any]:
    """Build everything and train nothing: parameter counts, data sizes and steps, for a dry run."""
    tokenizer = settings.tokenizer.build()
    corpus = prepare_corpus(settings.corpus, tokenizer, Path(settings.corpus_directory), progress)
    pretraining = Pretraining(settings, tokenizer, corpus, Path(settings.output))
    model = pretraining.bare_model
    softmax = sum(weight.numel() for weight in {id(w): w for w in model.softmax_weights()}.values())
    return {
        "parameters": {
            "total": model.num_parameters(),
            "token embedding": model.token_embedding.weight.numel(),
            "stacks": sum(p.numel() for p in [*model.forward_stack.parameters(), *model.backward_stack.parameters()]),
            "soft-max": softmax,
        },
        "corpus": {
            "documents": corpus.manifest["documents"],
            "training tokens": len(corpus.train),
            "validation tokens": len(corpus.validation),
        },
        "steps": pretraining.total_steps,
        "steps per epoch": pretraining.sampler.steps_per_epoch,
        "tokens per step": pretraining.global_batch * settings.model.context_length,
        "device": str(pretraining.accelerator.device),
        "precision": pretraining.accelerator.mixed_precision,
    }
