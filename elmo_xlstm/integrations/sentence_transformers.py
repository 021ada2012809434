"""Vectors of texts as a module of sentence-transformers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from sentence_transformers.base.modules import InputModule
from typing_extensions import Self

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.pretrained import DEFAULT_MODEL
from elmo_xlstm.runtime.text_vectors import Layer, Pool

MODEL_DIRECTORY = "model"


class ElmoSentences(InputModule):
    """The first module of a ``SentenceTransformer``; the language model is frozen.

    Args:
        model: see :meth:`~elmo_xlstm.embedding.ElmoEmbedder.from_pretrained`.
        pool: ``mean`` or ``max`` over the words of a text.
        layer: a number, or ``mean`` of all.
    """

    config_keys = ["pool", "layer"]
    config_file_name = "elmo_sentences.json"
    save_in_root = False

    def __init__(self, model: str | Path = DEFAULT_MODEL, pool: Pool = "mean", layer: Layer = "mean") -> None:
        super().__init__()
        self.embedder = ElmoEmbedder.from_pretrained(model)
        self.pool = pool
        self.layer = layer

    def preprocess(self, inputs: Sequence[str], prompt: str | None = None, **kwargs: Any) -> dict[str, Any]:
        """Keep the texts: they are split where they are embedded."""
        return {"texts": [f"{prompt or ''}{text}" for text in inputs]}

    def forward(self, features: dict[str, Any], **kwargs: Any) -> dict[str, Any]:
        """Add ``sentence_embedding``, (texts, dim)."""
        vectors = self.embedder.encode(features["texts"], self.pool, self.layer)
        features["sentence_embedding"] = torch.as_tensor(vectors, device=self.embedder.model.device)
        return features

    def get_embedding_dimension(self) -> int:
        """Width of a vector."""
        return self.embedder.dim

    @property
    def max_seq_length(self) -> None:
        """Nothing is cut off."""
        return None

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:
        """Write the model beside the settings."""
        directory = Path(output_path) / MODEL_DIRECTORY
        directory.mkdir(parents=True, exist_ok=True)
        self.embedder.save(directory)
        self.save_config(output_path)

    @classmethod
    def load(cls, model_name_or_path: str, subfolder: str = "", **kwargs: Any) -> Self:
        """Read what :meth:`save` wrote, here or on the hub."""
        places = {name: kwargs.get(name) for name in ("token", "cache_folder", "revision")}
        places["local_files_only"] = kwargs.get("local_files_only", False)
        config = cls.load_config(model_name_or_path, subfolder=subfolder, **places)
        directory = cls.load_dir_path(model_name_or_path, subfolder=str(Path(subfolder, MODEL_DIRECTORY)), **places)
        return cls(str(directory), **config)
