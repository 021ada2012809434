"""Word vectors from the language model, frozen or learning with a head."""

from elmo_xlstm.embedding.embedder import ElmoEmbedder
from elmo_xlstm.embedding.scalar_mix import ScalarMix
from elmo_xlstm.embedding.settings import EmbedderSettings
from elmo_xlstm.embedding.store import FeatureStore

__all__ = ["ElmoEmbedder", "EmbedderSettings", "FeatureStore", "ScalarMix"]
