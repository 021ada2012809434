"""Settings of the embedder of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from elmo_xlstm.config import Settings
from elmo_xlstm.embedding.embedder import ElmoEmbedder
from elmo_xlstm.embedding.pieces import Pooling
from elmo_xlstm.embedding.precision import Precision
from elmo_xlstm.embedding.store import FeatureStore
from elmo_xlstm.embedding.tuned_layers import TunedLayers
from elmo_xlstm.pretrained import DEFAULT_MODEL


class EmbedderSettings(Settings):
    """The language model of an experiment, frozen unless ``fine_tune`` is set."""

    model: str = DEFAULT_MODEL
    """small, which the package carries; a model directory, a pretraining run, or a name on the Hugging Face hub."""
    pooling: Pooling = "boundary"
    """Which pieces stand for a word: forward at the last and backward at the first, or first, last, mean of both."""
    precision: Precision = "fp32"
    """Of the projections: bf16 and int8 are faster and less exact, where the processor has instructions for them; int8
    is for CPUs. Each has word vectors of its own in the store."""
    weights: Literal["pretrained", "random"] = "pretrained"
    """Pretrained, or the same architecture and tokenizer with weights as before the first step of pretraining: a
    baseline."""
    random_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Of random weights; apart from the experiment's seed, so that all its seeds read the same word vectors."""
    store: str = "runs/features"
    """Where word vectors are kept for all experiments."""
    fine_tune: TunedLayers.Config | None = None
    """Train the language model together with the head, from these weights on: ``{}`` for the defaults. Nothing is kept
    in the store then, and a step takes several times as long. Null to leave it frozen."""

    @model_validator(mode="after")
    def _precision_that_learns(self) -> Self:
        if self.fine_tune is not None and self.precision != "fp32":
            raise ValueError(
                f"a model with projections in {self.precision} cannot be trained; leave precision out (fp32) "
                "to fine-tune it, or leave out fine_tune"
            )
        return self

    def build(self, directory: Path | None = None) -> ElmoEmbedder:
        """Load the model with its tokenizer.

        Args:
            directory: where a run keeps the model; the one that is named by default.

        Raises:
            UserError: there is no such model, or the device has no such precision.
        """
        seed = self.random_seed if self.weights == "random" else None
        embedder = ElmoEmbedder.from_pretrained(
            directory or self.model, self.pooling, precision=self.precision, random_seed=seed
        )
        embedder.fine_tune = self.fine_tune
        return embedder

    def open_store(self, embedder: ElmoEmbedder) -> FeatureStore | None:
        """The store of this embedder's word vectors; none if the model learns, whose vectors change with every step."""
        return FeatureStore(Path(self.store), embedder) if self.fine_tune is None else None
