"""Everything that a pretraining experiment can set."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from elmo_xlstm.config import Settings
from elmo_xlstm.lm.backbones import BackboneSettings, Kernel
from elmo_xlstm.lm.configuration import BiXLSTMConfig, Sizes
from elmo_xlstm.lm.losses import FullSoftmax, softmax_losses
from elmo_xlstm.lm.model_directory import MODEL_DIRECTORY
from elmo_xlstm.lm.optimization import OptimizerSettings, ScheduleSettings
from elmo_xlstm.runs.run_directory import RunSettings
from elmo_xlstm.text import CorpusConfig, Tokenizer

METRICS_FILE = "metrics.jsonl"
KEPT_DIRECTORY = "initial_model"
"""In a run: what it keeps of the model that it began with."""

Positive = Annotated[int, Field(gt=0)]


class ModelSettings(Sizes):
    """Sizes of the language model; the vocabulary's comes from the tokenizer."""

    softmax: Literal["separate", "shared", "tied"] = "separate"
    """Output weights: one matrix per direction, one for both, or the token embedding."""

    def build(self, tokenizer: Tokenizer, softmax_clusters: list[int] | None = None) -> BiXLSTMConfig:
        """The architecture over ``tokenizer``'s vocabulary.

        Args:
            tokenizer: gives the vocabulary's size and padding.
            softmax_clusters: what the soft-max loss asks for.
        """
        return BiXLSTMConfig(
            vocab_size=tokenizer.vocab_size,
            pad_token_id=tokenizer.pad_id,
            softmax_clusters=softmax_clusters,
            **self.model_dump(),
        )


class TrainingSettings(Settings):
    """Length, batches, precision and what is written when."""

    epochs: Annotated[float, Field(gt=0)] | None = None
    """Passes over the corpus; give this or max_steps."""
    max_steps: Positive | None = None
    """Optimizer steps; the smaller of the two counts if both are given."""
    batch_size: Positive = 16
    """Windows of one forward pass on one device."""
    gradient_accumulation: Positive = 1
    """Forward passes per optimizer step."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """auto: bf16 on a GPU that has it, else fp32."""
    compile: Literal["auto"] | bool = "auto"
    """Compile the stacks with torch.compile: faster steps after minutes of compiling. auto: where a compiler works and
    training is long enough to win back the time; a CPU needs a C++ compiler, a GPU triton."""
    kernel: Kernel | Literal["auto"] = "auto"
    """native: our kernels for a CPU, which a C++ compiler builds in seconds. auto: these where they can run,
    unless compile is true; else torch. triton: the kernels of the package mlstm_kernels, for long windows on a GPU; its
    licence is the NXAI Community License."""
    activation_checkpointing: bool = False
    """Compute activations inside blocks again in the backward pass: less memory, more time, the same numbers."""
    sharding: Literal["none", "full"] = "none"
    """full: each process keeps its part of weights, gradients and optimizer state (FSDP); needs several processes."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    """Validate and publish an exponential moving average of the weights with this decay, such as 0.999; null: the
    weights themselves. Training is the same. Not with sharding."""
    max_skipped_steps: Positive = 10
    """A step whose loss or gradient is not finite is left out; after so many in a row the run stops."""
    log_every: Positive = 50
    """Steps between training log lines."""
    tensorboard: bool = False
    """Write these and validations for TensorBoard too, to ``tensorboard`` in the run's directory; needs the extra of
    that name."""
    validate_every: Positive = 1000
    """Steps between validations; a checkpoint follows each."""
    validation_tokens: Positive | None = None
    """At most so many tokens of the validation part; all by default."""
    keep_checkpoints: Positive = 2
    """Newest checkpoints kept, beside the best."""

    @model_validator(mode="after")
    def _has_length(self) -> TrainingSettings:
        if self.epochs is None and self.max_steps is None:
            raise ValueError("needs epochs or max_steps")
        return self

    @model_validator(mode="after")
    def _averages_whole_weights(self) -> TrainingSettings:
        if self.ema_decay is not None and self.sharding != "none":
            raise ValueError('ema_decay averages whole weights; it needs sharding: "none", or be null')
        return self

    def total_steps(self, steps_per_epoch: int) -> int:
        """Optimizer steps of the whole training."""
        limits = []
        if self.epochs is not None:
            limits.append(max(1, round(self.epochs * steps_per_epoch)))
        if self.max_steps is not None:
            limits.append(self.max_steps)
        return min(limits)

    def check(self, backbone: BackboneSettings) -> None:
        """Refuse what a backbone cannot do.

        Raises:
            UserError: it has no such kernels, or does not compute in the precision.
        """
        if self.kernel != "auto":
            backbone.require_kernel(self.kernel)
        if self.precision != "auto":
            backbone.require_precision(self.precision, "training.precision")


class PretrainSettings(RunSettings):
    """A pretraining experiment."""

    kind: ClassVar[str] = "pretrain"
    written: ClassVar[tuple[str, ...]] = (
        METRICS_FILE,
        "checkpoints/step-*",
        MODEL_DIRECTORY,
        KEPT_DIRECTORY,
        "tensorboard/events.*",
    )
    # Where things lie, and how the same steps are computed, for instance with another number of processes.
    free: ClassVar[frozenset[str]] = frozenset(
        {
            "output",
            "corpus_directory",
            "training.batch_size",
            "training.gradient_accumulation",
            "training.compile",
            "training.kernel",
            "training.activation_checkpointing",
            "training.sharding",
            "training.max_skipped_steps",
            "training.tensorboard",
        }
    )

    initial_model: str | None = None
    """Start from this model's weights instead of random ones: a bundled model's name, a pretraining run, a model
    directory, or a name on the Hugging Face hub. What is left out of tokenizer, model and softmax_loss is then the
    initial model's own; see docs/adapting.md."""
    tokenizer: Annotated[Tokenizer.Config | None, Field(validate_default=True)] = None
    """May be left out where there is an initial_model."""
    corpus: CorpusConfig
    corpus_directory: str = "runs/corpus"
    """Where tokenised corpora are kept and found again."""
    model: ModelSettings = Field(default_factory=ModelSettings)  # no default object: a backbone may yet be registered
    softmax_loss: Annotated[Any, softmax_losses] = FullSoftmax.Config()
    """How the next piece is learned: exactly, from samples, or by an adaptive soft-max, which is part of the model."""
    optimizer: OptimizerSettings = OptimizerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    training: TrainingSettings
    output: str = "runs/pretrain"
    """Directory of the run."""
    seed: int = 0

    @field_validator("tokenizer")
    @classmethod
    def _has_a_vocabulary(cls, value: Tokenizer.Config | None, info: ValidationInfo) -> Tokenizer.Config | None:
        if value is None and info.data.get("initial_model") is None:
            raise ValueError("is required but missing; or name an initial_model, which has a tokenizer of its own")
        return value

    def architecture(self, tokenizer: Tokenizer) -> BiXLSTMConfig:
        """The model over ``tokenizer``'s vocabulary, with the soft-max that the loss asks for.

        Raises:
            UserError: the loss does not suit the vocabulary.
        """
        return self.model.build(tokenizer, self.softmax_loss.clusters_for(tokenizer.vocab_size))
