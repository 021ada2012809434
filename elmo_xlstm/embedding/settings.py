"""Which language model a task reads, and how."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from elmo_xlstm.config import Settings
from elmo_xlstm.embedding.embedder import ElmoEmbedder
from elmo_xlstm.embedding.pooling import Pooling
from elmo_xlstm.embedding.precision import Precision
from elmo_xlstm.embedding.store import FeatureStore
from elmo_xlstm.pretrained import DEFAULT_MODEL


class EmbedderSettings(Settings):
    """The frozen language model of an experiment."""

    model: str = DEFAULT_MODEL
    """small, which the package carries; a model directory, a pretraining run, or a name on the Hugging Face hub."""
    pooling: Pooling = "boundary"
    """Which pieces stand for a word: forward at the last and backward at the first, or first, last, mean of both."""
    precision: Precision = "fp32"
    """Of the projections: bf16 and int8 are faster and less exact, where the processor has instructions for them; int8
    is for CPUs. Each has word vectors of its own in the store."""
    weights: Literal["pretrained", "random"] = "pretrained"
    """What pretraining learnt, or the same architecture and tokenizer with weights as before its first step, to show
    what pretraining gives."""
    random_seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    """Draws random weights; apart from the experiment's seed, so that all its seeds read the same word vectors."""
    store: str = "runs/features"
    """Where word vectors are kept for all experiments."""

    def build(self, directory: Path | None = None) -> ElmoEmbedder:
        """Load the model with its tokenizer.

        Args:
            directory: where a run keeps the model; the one that is named by default.

        Raises:
            UserError: there is no such model, or the device has no such precision.
        """
        seed = self.random_seed if self.weights == "random" else None
        return ElmoEmbedder.from_pretrained(
            directory or self.model, self.pooling, precision=self.precision, random_seed=seed
        )

    def open_store(self, embedder: ElmoEmbedder) -> FeatureStore:
        """The store of this embedder's word vectors."""
        return FeatureStore(Path(self.store), embedder)
