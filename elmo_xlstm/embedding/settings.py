"""Which language model a task reads, and how."""

from __future__ import annotations

from pathlib import Path

from elmo_xlstm.config import Settings
from elmo_xlstm.embedding.embedder import ElmoEmbedder
from elmo_xlstm.embedding.pooling import Pooling
from elmo_xlstm.embedding.store import FeatureStore


class EmbedderSettings(Settings):
    """The frozen language model of an experiment."""

    model: str
    """A model directory, a pretraining run, or a name on the Hugging Face hub."""
    pooling: Pooling = "boundary"
    """Which pieces stand for a word: forward at the last and backward at the first, or first, last, mean of both."""
    store: str = "runs/features"
    """Where word vectors are kept for all experiments."""

    def build(self) -> ElmoEmbedder:
        """Load the model with its tokenizer.

        Raises:
            UserError: there is no such model.
        """
        return ElmoEmbedder.from_pretrained(self.model, self.pooling)

    def open_store(self, embedder: ElmoEmbedder) -> FeatureStore:
        """The store of this embedder's word vectors."""
        return FeatureStore(Path(self.store), embedder)
