"""The frozen language model as a source of word vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from elmo_xlstm.device import default_device
from elmo_xlstm.embedding.pooling import Pooling, pool_words
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_files import find_model, save_model
from elmo_xlstm.text import Tokenizer, WordPieces

# Pieces of one batch, padding included: large enough for full speed, small enough for a laptop's memory.
TOKEN_BUDGET = 4096


class ElmoEmbedder(nn.Module):
    """Gives every word of a sentence one vector per layer: a function of that sentence alone.

    The model is always in evaluation mode and keeps no state between calls. Sentences are embedded in batches of
    similar length; what else is in a batch, and how much padding, changes nothing beyond rounding.

    Args:
        model: the language model.
        tokenizer: the one it was trained with.
        pooling: which pieces stand for a word.

    Attributes:
        num_layers: the token layer and one per block.
        dim: width of a layer, both directions.
    """

    def __init__(self, model: BiXLSTM, tokenizer: Tokenizer, pooling: Pooling = "boundary") -> None:
        super().__init__()
        if tokenizer.vocab_size != model.config.vocab_size:
            raise UserError(
                f"tokenizer and model do not belong together: {tokenizer.vocab_size} pieces, "
                f"but the model has {model.config.vocab_size}"
            )
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.pooling: Pooling = pooling
        self.num_layers = model.config.num_blocks + 1
        self.dim = model.config.hidden_size

    @classmethod
    def from_pretrained(
        cls, name_or_path: str | Path, pooling: Pooling = "boundary", device: str | torch.device | None = None
    ) -> ElmoEmbedder:
        """Load a model with its tokenizer.

        Args:
            name_or_path: a model directory, a pretraining run, or a name on the Hugging Face hub.
            pooling: which pieces stand for a word.
            device: where to compute; a GPU if there is one by default.

        Raises:
            UserError: there is no such model, or its files are damaged.
        """
        directory = find_model(name_or_path)
        try:
            model = BiXLSTM.from_pretrained(directory)
        except (OSError, SafetensorError) as error:
            raise UserError(f"{directory}: the model cannot be read ({error}); restore its files") from None
        return cls(model, Tokenizer.load(directory), pooling).to(device or default_device())

    def save(self, directory: Path) -> None:
        """Write model and tokenizer as one model directory."""
        save_model(self.model, self.tokenizer, directory)

    def train(self, mode: bool = True) -> ElmoEmbedder:
        """Stay in evaluation mode: frozen features must not depend on what contains the embedder."""
        return super().train(False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of weights, architecture, tokenizer and pooling: equal fingerprints give equal vectors."""
        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
        config = self.model.config
        digest.update(f"{config.num_heads} {config.qkv_proj_blocksize}".encode())
        digest.update(f"{self.tokenizer.fingerprint} {self.pooling}".encode())
        return digest.hexdigest()

    def forward(self, sentences: Sequence[Sequence[str]]) -> list[npt.NDArray[np.float32]]:
        """Embed sentences, in their order.

        Args:
            sentences: words of each; any number, any length.

        Returns:
            For each sentence (words, layers, dim).
        """
        found: list[npt.NDArray[np.float32] | None] = [None] * len(sentences)
        for index, layers in self.stream(sentences):
            found[index] = layers
        return [layers for layers in found if layers is not None]

    @torch.inference_mode()
    def stream(self, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Embed sentences from short to long.

        Args:
            sentences: words of each.

        Yields:
            The index of a sentence and its (words, layers, dim).
        """
        pieces = [self.tokenizer.encode_words(sentence) for sentence in sentences]
        for batch in token_budget_batches([len(p.input_ids) + 2 for p in pieces], TOKEN_BUDGET):
            layers = self._embed([pieces[index] for index in batch])
            for index, sentence_layers in zip(batch, layers, strict=True):
                yield index, sentence_layers.float().cpu().numpy()

    def _embed(self, batch: Sequence[WordPieces]) -> list[Tensor]:
        bos, eos, pad = self.tokenizer.bos_id, self.tokenizer.eos_id, self.tokenizer.pad_id
        longest = max(len(pieces.input_ids) for pieces in batch) + 2
        input_ids = torch.full((len(batch), longest), pad)
        mask = torch.zeros_like(input_ids)
        for row, pieces in enumerate(batch):
            length = len(pieces.input_ids) + 2
            input_ids[row, :length] = torch.tensor([bos, *pieces.input_ids, eos])
            mask[row, :length] = 1
        device = self.model.device
        encoding = self.model.encode_layers(input_ids.to(device), mask.to(device))
        forward = torch.stack([encoding.embeddings, *encoding.forward], dim=2)  # (batch, pieces, layers, width)
        backward = torch.stack([encoding.embeddings, *encoding.backward], dim=2)
        words = []
        for row, pieces in enumerate(batch):
            if not pieces.first:
                words.append(forward.new_zeros(0, self.num_layers, self.dim))
                continue
            first = torch.tensor(pieces.first, device=device) + 1  # after the begin of the sentence
            last = torch.tensor(pieces.last, device=device) + 1
            words.append(pool_words(forward[row], backward[row], first, last, self.pooling))
        return words


def token_budget_batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Indices grouped by length so that a padded batch holds at most ``budget`` pieces, or one sentence."""
    batches: list[list[int]] = []
    current: list[int] = []
    for index in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if current and (len(current) + 1) * lengths[index] > budget:
            batches.append(current)
            current = []
        current.append(index)
    return [*batches, current] if current else batches
