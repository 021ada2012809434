"""The pretraining loop: from windows to steps, log lines, validations, checkpoints and the end, in this order."""

from __future__ import annotations

import logging
import math
import time
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, set_seed

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.compilation import (
    Tier,
    checkpoint_activations,
    choose_tier,
    compile_model,
    computing,
    mixed_precision,
)
from elmo_xlstm.lm.configuration import BiXLSTMConfig, training_flops_per_token
from elmo_xlstm.lm.distributed import Agreement, Processes, load_weights, local_gradients, shard
from elmo_xlstm.lm.initial_model import InitialModel
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_directory import MODEL_DIRECTORY
from elmo_xlstm.lm.optimization import StepGuard, WeightAverage, tell_bad_numbers
from elmo_xlstm.lm.pretraining_record import TrainingLog
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.scoring import Validation, validate_model
from elmo_xlstm.lm.training_checkpoints import Position, TrainingCheckpoints
from elmo_xlstm.lm.windows import WindowPrefetcher, WindowSampler
from elmo_xlstm.progress import NullProgress, Progress, Work
from elmo_xlstm.runs.checkpoints import whole_tensors
from elmo_xlstm.runs.interruption import Interrupted, finishing_step, stop_requested
from elmo_xlstm.text import Corpus, Tokenizer

logger = logging.getLogger(__name__)


class Pretraining:
    """Trains one model in one run directory, together with the other processes of the launch.

    Args:
        settings: of the experiment.
        tokenizer: of the corpus; saved with every checkpoint.
        corpus: tokenised text.
        directory: of the run.

    Raises:
        UserError: the corpus is too small for one step, or one process is to shard the model.
    """

    def __init__(self, settings: PretrainSettings, tokenizer: Tokenizer, corpus: Corpus, directory: Path) -> None:
        self.settings = settings
        self.tokenizer = tokenizer
        self.corpus = corpus
        self.directory = directory
        training = settings.training
        self.processes = Processes()
        self.accelerator = Accelerator(
            mixed_precision=mixed_precision(training.precision, settings.model.backbone),
            kwargs_handlers=[DistributedDataParallelKwargs(gradient_as_bucket_view=True)],  # or else a second copy
        )
        self.global_batch = training.batch_size * training.gradient_accumulation * self.processes.count
        self.sampler = WindowSampler(corpus.train, settings.model.context_length, self.global_batch, settings.seed)
        self.total_steps = training.total_steps(self.sampler.steps_per_epoch)
        self.softmax_loss = settings.softmax_loss.build(corpus.token_counts)
        set_seed(settings.seed)  # all processes start from the same weights
        model = BiXLSTM(settings.architecture(tokenizer))
        model.order_vocabulary(corpus.token_counts)
        self.model, self.optimizer = self._prepare(model)
        decay = training.ema_decay
        self.average = WeightAverage(self.bare_model, decay) if decay is not None else None
        if not self.processes.is_main:
            set_seed(settings.seed, device_specific=True)  # and draw dropout and samples of their own
        self.checkpoints = TrainingCheckpoints(
            directory / "checkpoints",
            training.keep_checkpoints,
            self.processes,
            tokenizer,
            self.global_batch,
            corpus.manifest["digest"],
            settings.seed,
        )
        self.position = Position()
        self.guard = self._guard()
        self.log = TrainingLog(directory, self.processes.is_main, settings.training.tensorboard)
        self._saved: int | None = None
        self._losses: list[tuple[torch.Tensor, torch.Tensor]] = []  # of the steps since the last log line

    def _guard(self) -> StepGuard:
        """Counts the bad steps from the position on."""
        position = self.position
        most = self.settings.training.max_skipped_steps
        optimizer = self.optimizer.optimizer
        return StepGuard(optimizer, self.accelerator, most, position.skipped, position.skipped_in_a_row)

    def _prepare(self, model: BiXLSTM) -> tuple[Any, Any]:
        """Bring a model and its optimizer to the devices."""
        training = self.settings.training
        sharded = training.sharding == "full"
        with self.processes.together():
            tier = self._choose_tier(model.config)
            model.use_kernel(tier.kernel, self.accelerator.device)
        compiled = all(other.compiled for other in self.processes.gather(tier))  # everywhere or nowhere
        self.tier = replace(tier, compiled=compiled)
        if self.tier.compiled:
            compile_model(model, by_block=sharded or training.activation_checkpointing)
        if training.activation_checkpointing:
            checkpoint_activations(model)
        if sharded:
            shard(model, self.accelerator.device, self.processes.count)
            return model, self.accelerator.prepare(self.settings.optimizer.build(model))
        prepared: tuple[Any, Any] = self.accelerator.prepare(model, self.settings.optimizer.build(model))
        return prepared

    def _choose_tier(self, config: BiXLSTMConfig) -> Tier:
        """Choose the way to compute the stacks in this process."""
        bf16 = self.accelerator.mixed_precision == "bf16"
        tokens = self.total_steps * self.global_batch / self.processes.count * config.context_length
        return choose_tier(
            self.settings.training.compile,
            self.settings.training.kernel,
            config,
            self.accelerator.device,
            torch.bfloat16 if bf16 else torch.float32,
            tokens * training_flops_per_token(config, softmax_classes=0),
        )

    @property
    def bare_model(self) -> BiXLSTM:
        """The model without what Accelerate wraps around it."""
        bare: BiXLSTM = self.accelerator.unwrap_model(self.model)
        return bare

    def run(self, resume: bool = False, progress: Progress | None = None) -> Validation:
        """Train to the end.

        Args:
            resume: go on from the newest checkpoint.
            progress: shows how far it is.

        Returns:
            The validation of the best checkpoint, whose model then lies in ``model/``.

        Raises:
            Interrupted: SIGTERM or Ctrl-C; a checkpoint was written first.
            UserError: too many steps in a row were not finite, or the disk is full.
        """
        if resume:
            self.position = self.checkpoints.load(self.bare_model, self.optimizer.optimizer, self.average)
            self.log.forget_after(self.position.step)
            logger.info("resuming after step %d of %d", self.position.step, self.total_steps)
        training = self.settings.training
        position = self.position
        self.guard = self._guard()
        agreement = Agreement(self.processes)
        with finishing_step():
            with (
                computing(self.tier, self.bare_model, training, self.accelerator, self.processes),
                (progress or NullProgress()).task("pretrain", self.total_steps, position.step) as work,
                WindowPrefetcher(self._read, self.accelerator.device, self.total_steps) as prefetcher,
            ):
                if self.settings.initial_model is not None and position.best_step is None and position.step == 0:
                    self._begin_with(self.settings.initial_model)
                started, waited = time.monotonic(), 0.0
                while position.step < self.total_steps:
                    before = time.monotonic()
                    windows = prefetcher.windows(position.step)
                    waited += time.monotonic() - before
                    self._losses.append(self._step(windows))
                    position.step += 1
                    if self.average is not None:
                        self.average.update(position.step)
                    work.advance()
                    is_last = position.step == self.total_steps
                    if position.step % training.log_every == 0 or is_last:
                        self._log_steps(work, time.monotonic() - started, waited)
                        started, waited = time.monotonic(), 0.0
                    elif self.accelerator.device.type == "cpu":  # where looking costs nothing
                        self._refuse_bad_numbers()
                    if position.step % training.validate_every == 0 or is_last:
                        self._validate_and_save()
                        started, waited = time.monotonic(), 0.0
                    if number := agreement.vote(stop_requested()):
                        agreement.settle()
                        self._save_and_stop(number)
                agreement.settle()
            return self._finish()

    def _begin_with(self, name: str) -> None:
        """Take the weights of the initial model and save them, scored, as a checkpoint before the first step.

        Raises:
            UserError: the model is damaged, or is not the one that the run was set up for.
        """
        fresh = whole_tensors(dict(self.bare_model.state_dict()))
        with self.processes.together():
            initial = InitialModel.find(name)
            initial.complete(self.settings)
            if initial.tokenizer.fingerprint != self.tokenizer.fingerprint:
                raise UserError(f"{name}: has another tokenizer than when this run was begun; start it with --force")
            weights = initial.weights(fresh, self.corpus)
        load_weights(self.bare_model, weights)
        if self.average is not None:
            self.average.load(weights)
        self.processes.run_on_main(lambda: initial.keep(self.directory))
        if self.processes.is_main:
            softmax = "its soft-max included" if initial.has_softmax else "which has no soft-max: that starts anew"
            logger.info("training goes on from %s (%s), %s", name, initial.directory, softmax)
        self._validate_and_save()

    def _read(self, step: int) -> torch.Tensor:
        """This process's windows of a step."""
        return self.sampler.batch(step, self.processes.index, self.processes.count)

    def _step(self, windows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One optimizer step; the mean loss of its windows on this process, and whether it was left out."""
        factor = self.settings.schedule.factor(self.position.step, self.total_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.settings.optimizer.learning_rate * factor
        self.model.train()
        passes = windows.split(self.settings.training.batch_size)
        total = torch.zeros((), device=self.accelerator.device)
        for index, part in enumerate(passes):
            with self._keep_gradients() if index < len(passes) - 1 else nullcontext():
                with self.accelerator.autocast():
                    output = self.model(part, softmax_loss=self.softmax_loss)
                self.accelerator.backward(output.loss / len(passes))
            total += output.loss.detach() / len(passes)
        norm = self.accelerator.clip_grad_norm_(self.model.parameters(), self.settings.optimizer.gradient_clip)
        skipped = self.guard.judge(total, norm, self.position.step)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total, skipped

    def _keep_gradients(self) -> AbstractContextManager[None]:
        """For all passes of a step but the last, in which gradients are averaged over processes."""
        sharded = self.settings.training.sharding == "full"
        return local_gradients(self.model) if sharded else self.accelerator.no_sync(self.model)

    def _log_steps(self, work: Work, seconds: float, waited: float) -> None:
        """Tell of the steps since the last time: the only place where the host waits for the device."""
        steps = len(self._losses)
        losses, skipped = (torch.stack(values) for values in zip(*self._losses, strict=True))
        self._losses = []
        mean = torch.where(skipped, 0.0, losses).sum() / (~skipped).sum()  # NaN if none is left
        loss = self.accelerator.reduce(mean, reduction="mean").item()
        count = self._refuse_bad_numbers()
        tokens = steps * self.global_batch * self.settings.model.context_length
        entry = {
            "loss": round(loss, 6) if math.isfinite(loss) else None,
            "learning_rate": self.optimizer.param_groups[0]["lr"],
            "tokens_per_second": round(tokens / seconds, 1),
            "data_share": round(waited / seconds, 4),
            "skipped_steps": count,
        }
        self.log.add(self.position.step, "train", entry)
        shown = {"skipped": str(count)} if count else {}
        work.advance(0, loss=f"{loss:.4f}", tokens=f"{entry['tokens_per_second']:.0f}/s", **shown)

    def _refuse_bad_numbers(self) -> int:
        """Count the steps that were left out, and stop if too many in a row were.

        Raises:
            UserError: says which, and what is left.
        """
        skipped = self.guard.read()
        self.position.skipped, self.position.skipped_in_a_row = skipped.total, skipped.in_a_row
        if self.guard.is_lost(skipped):
            text = tell_bad_numbers(skipped, self.sampler.starts(skipped.first), self.corpus.directory)
            self._refuse_divergence(f"{text}, and those after them would be")
            self._end(
                f"{text}, though the weights are good. Look at that text, and go on with --resume and a larger "
                "training.max_skipped_steps"
            )
        return skipped.total

    def _refuse_divergence(self, problem: str) -> None:
        """Score a few windows of the validation part.

        Raises:
            UserError: training diverged: the loss is no number.
        """
        limit = self.settings.training.batch_size * self.settings.model.context_length
        if not math.isfinite(self._validate(limit).loss):
            self._diverged(problem)

    def _diverged(self, problem: str) -> NoReturn:
        self._end(
            f"training diverged: {problem}. Start the run anew, with --force or another --output, and a lower "
            "optimizer.learning_rate or optimizer.gradient_clip, or a larger schedule.warmup_steps"
        )

    def _end(self, problem: str) -> NoReturn:
        """Say why training cannot go on, and what there is of it: weights that had diverged are never saved."""
        kept = self.processes.run_on_main(self.checkpoints.newest)
        left = f"the last good checkpoint is {kept}" if kept else "there is no checkpoint yet"
        with self.processes.together():
            raise UserError(f"{self.directory}: {problem}; {left}")

    def _validate(self, limit: int | None) -> Validation:
        """Score the weights on the begin of the validation part, or all of it."""
        with torch.compiler.set_stance("force_eager"):  # its last window has another shape
            batch_size = self.settings.training.batch_size
            return validate_model(self.bare_model, self.corpus.validation, batch_size, limit, self.accelerator)

    def _validate_and_save(self) -> None:
        self._refuse_bad_numbers()
        with self.average.in_place() if self.average is not None else nullcontext():
            validation = self._validate(self.settings.training.validation_tokens)
        self.log.add(self.position.step, "validation", validation.as_dict())
        if not math.isfinite(validation.loss):
            self._diverged(f"the validation loss after step {self.position.step} is no number")
        if self.position.best_loss is None or validation.loss < self.position.best_loss:
            self.position.best_loss, self.position.best_step = validation.loss, self.position.step
        self._save(validation)
        self._saved = self.position.step

    def _save_and_stop(self, number: int) -> None:
        """Write a checkpoint, unless that of a validation was written just now.

        Raises:
            Interrupted: always, if the weights are good.
            UserError: training diverged.
        """
        if self._saved != self.position.step:
            self._refuse_bad_numbers()
            self._refuse_divergence(f"after step {self.position.step} the loss is no number")
            self._save(validation=None)
        raise Interrupted(number, f"{self.directory}: a checkpoint was written after step {self.position.step}")

    def _save(self, validation: Validation | None) -> None:
        self.checkpoints.save(self.bare_model, self.optimizer.optimizer, self.position, validation, self.average)

    def _finish(self) -> Validation:
        """Publish the best checkpoint's model as the run's model."""
        assert self.position.best_step is not None  # the last step was validated
        return self.checkpoints.publish(self.position.best_step, self.directory / MODEL_DIRECTORY)
