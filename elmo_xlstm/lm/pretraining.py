"""The pretraining loop."""

from __future__ import annotations

import json
import logging
import time
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs, set_seed

from elmo_xlstm.atomic import write_text_atomically
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.activation_checkpointing import checkpoint_activations
from elmo_xlstm.lm.compilation import Tier, choose_tier, compile_model, computing
from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.cost import training_flops_per_token
from elmo_xlstm.lm.distributed import Processes
from elmo_xlstm.lm.kernels import use_kernel
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_files import MODEL_DIRECTORY
from elmo_xlstm.lm.prefetch import WindowPrefetcher
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.sharding import local_gradients, shard
from elmo_xlstm.lm.training_checkpoints import Position, TrainingCheckpoints
from elmo_xlstm.lm.validation import Validation, validate_model
from elmo_xlstm.lm.windows import WindowSampler
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.text import Corpus, Tokenizer, prepare_corpus

logger = logging.getLogger(__name__)

METRICS_FILE = "metrics.jsonl"


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
        self.corpus = corpus
        self.directory = directory
        training = settings.training
        self.processes = Processes()
        self.accelerator = Accelerator(
            mixed_precision=mixed_precision(training.precision),
            kwargs_handlers=[DistributedDataParallelKwargs(gradient_as_bucket_view=True)],  # or else a second copy
        )
        self.global_batch = training.batch_size * training.gradient_accumulation * self.processes.count
        self.sampler = WindowSampler(corpus.train, settings.model.context_length, self.global_batch, settings.seed)
        self.total_steps = self._total_steps()
        self.softmax_loss = settings.softmax_loss.build(corpus.token_counts)
        set_seed(settings.seed)  # all processes start from the same weights
        model = BiXLSTM(settings.architecture(tokenizer))
        model.order_vocabulary(corpus.token_counts)
        self.model, self.optimizer = self._prepare(model)
        if not self.processes.is_main:
            set_seed(settings.seed, device_specific=True)  # and draw dropout and samples of their own
        self.checkpoints = TrainingCheckpoints(
            directory / "checkpoints",
            training.keep_checkpoints,
            self.processes,
            tokenizer,
            self.global_batch,
            settings.seed,
        )
        self.position = Position()

    def _prepare(self, model: BiXLSTM) -> tuple[Any, Any]:
        """Bring a model and its optimizer to the devices."""
        training = self.settings.training
        sharded = training.sharding == "full"
        with self.processes.together():
            use_kernel(model, training.kernel, self.accelerator.device)
        self.tier = self._choose_tier(model.config)
        if self.tier.compiled:
            compile_model(model, by_block=sharded or training.activation_checkpointing)
        if training.activation_checkpointing:
            checkpoint_activations(model)
        if sharded:
            shard(model, self.accelerator.device, self.processes.count)
            return model, self.accelerator.prepare(self.settings.optimizer.build(model))
        return self.accelerator.prepare(model, self.settings.optimizer.build(model))

    def _choose_tier(self, config: BiXLSTMConfig) -> Tier:
        """What computes the stacks; the same in all processes."""
        bf16 = self.accelerator.mixed_precision == "bf16"
        tokens = self.total_steps * self.global_batch / self.processes.count * config.context_length
        tiers = self.processes.gather(
            choose_tier(
                self.settings.training.compile,
                self.accelerator.device,
                torch.bfloat16 if bf16 else torch.float32,
                tokens * training_flops_per_token(config, softmax_classes=0),
                2 * config.num_blocks,
            )
        )
        return next((tier for tier in tiers if not tier.compiled), tiers[0])

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
            self.position = self.checkpoints.load(self.bare_model, self.optimizer.optimizer)
            self._forget_metrics_after(self.position.step)
            logger.info("resuming after step %d of %d", self.position.step, self.total_steps)
        training = self.settings.training
        tokens_per_step = self.global_batch * self.settings.model.context_length
        losses: list[torch.Tensor] = []
        with (
            computing(self.tier, self.bare_model, training, self.accelerator, self.processes),
            (progress or NullProgress()).task("pretrain", self.total_steps, self.position.step) as work,
            WindowPrefetcher(self._read, self.accelerator.device, self.total_steps) as prefetcher,
        ):
            started, waited = time.monotonic(), 0.0
            while self.position.step < self.total_steps:
                before = time.monotonic()
                windows = prefetcher.windows(self.position.step)
                waited += time.monotonic() - before
                losses.append(self._step(windows))
                self.position.step += 1
                work.advance()
                if self.position.step % training.log_every == 0 or self.position.step == self.total_steps:
                    loss = self.accelerator.reduce(torch.stack(losses).mean(), reduction="mean").item()
                    seconds = time.monotonic() - started
                    entry = {
                        "loss": round(loss, 6),
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

    def _read(self, step: int) -> torch.Tensor:
        """This process's windows of a step."""
        return self.sampler.batch(step, self.processes.index, self.processes.count)

    def _step(self, windows: torch.Tensor) -> torch.Tensor:
        """One optimizer step; the mean loss of its windows on this process."""
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
        self.accelerator.clip_grad_norm_(self.model.parameters(), self.settings.optimizer.gradient_clip)
        self.optimizer.step()
        self.optimizer.zero_grad()
        return total

    def _keep_gradients(self) -> AbstractContextManager[None]:
        """For all passes of a step but the last, in which gradients are averaged over processes."""
        sharded = self.settings.training.sharding == "full"
        return local_gradients(self.model) if sharded else self.accelerator.no_sync(self.model)

    def _validate_and_save(self) -> None:
        training = self.settings.training
        with torch.compiler.set_stance("force_eager"):  # its last window has another shape
            stream, batch_size, limit = self.corpus.validation, training.batch_size, training.validation_tokens
            validation = validate_model(self.bare_model, stream, batch_size, limit, self.accelerator)
        self._log("validation", validation.as_dict())
        if validation.loss < self.position.best_loss:
            self.position.best_loss, self.position.best_step = validation.loss, self.position.step
        self.checkpoints.save(self.bare_model, self.optimizer.optimizer, self.position, validation)

    def _forget_metrics_after(self, step: int) -> None:
        path = self.directory / METRICS_FILE
        if self.processes.is_main and path.exists():
            lines = [line for line in path.read_text().splitlines() if line.endswith("}")]
            kept = [line for line in lines if json.loads(line)["step"] <= step]
            write_text_atomically(path, "".join(line + "\n" for line in kept))

    def _log(self, kind: str, values: dict[str, Any]) -> None:
        if not self.processes.is_main:
            return
        with open(self.directory / METRICS_FILE, "a") as file:
            file.write(json.dumps({"step": self.position.step, "kind": kind, **values}) + "\n")
        shown = "  ".join(f"{key} {value:.4g}" for key, value in values.items())
        logger.info("step %d  %s  %s", self.position.step, kind, shown)

    def _finish(self) -> Validation:
        """Publish the best checkpoint's model as the run's model.

        Raises:
            UserError: training diverged before the first validation.
        """
        with self.processes.together():
            if self.position.best_step is None:
                raise UserError(
                    f"{self.directory}: training diverged, no validation loss was a number; "
                    "lower optimizer.learning_rate or optimizer.gradient_clip, or raise schedule.warmup_steps"
                )
        return self.checkpoints.publish(self.position.best_step, self.directory / MODEL_DIRECTORY)


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
    return _set_up(settings, directory, progress).run(resume, progress)


def describe_pretraining(settings: PretrainSettings, progress: Progress | None = None) -> dict[str, Any]:
    """Build everything and train nothing: parameter counts, data sizes and steps, for a dry run."""
    pretraining = _set_up(settings, Path(settings.output), progress)
    model = pretraining.bare_model
    rows = [*model.softmax_weights(), *(model.softmax_cluster_weights() or ())]
    softmax = sum(weight.numel() for weight in {id(w): w for w in rows}.values())
    classes = settings.softmax_loss.classes(pretraining.corpus.token_counts)
    return {
        "parameters": {
            "total": model.num_parameters(),
            "token embedding": model.token_embedding.weight.numel(),
            "stacks": sum(p.numel() for p in [*model.forward_stack.parameters(), *model.backward_stack.parameters()]),
            "soft-max": softmax,
        },
        "corpus": {
            "documents": pretraining.corpus.manifest["documents"],
            "training tokens": len(pretraining.corpus.train),
            "validation tokens": len(pretraining.corpus.validation),
        },
        "steps": pretraining.total_steps,
        "steps per epoch": pretraining.sampler.steps_per_epoch,
        "tokens per step": pretraining.global_batch * settings.model.context_length,
        "soft-max rows per token": round(classes),
        "training MFLOP per token": round(training_flops_per_token(model.config, classes) / 1e6, 1),
        "processes": pretraining.processes.count,
        "device": str(pretraining.accelerator.device),
        "precision": pretraining.accelerator.mixed_precision,
        "stacks run with": str(pretraining.tier),
    }


def _set_up(settings: PretrainSettings, directory: Path, progress: Progress | None) -> Pretraining:
    """Open what training needs in every process; the main one prepares the corpus while the others wait."""
    processes = Processes()
    with processes.together():
        tokenizer = settings.tokenizer.build()
        settings.architecture(tokenizer)  # what does not suit the vocabulary is said before the corpus is prepared
    corpora = Path(settings.corpus_directory)
    place = processes.run_on_main(lambda: prepare_corpus(settings.corpus, tokenizer, corpora, progress).directory)
    with processes.together():
        return Pretraining(settings, tokenizer, Corpus(place), directory)
