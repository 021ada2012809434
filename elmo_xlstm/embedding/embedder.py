"""The frozen language model as a source of word vectors."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from elmo_xlstm.device import fast_matmul, usable_device
from elmo_xlstm.embedding import hub
from elmo_xlstm.embedding.frozen_model import FrozenModel
from elmo_xlstm.embedding.parallel import map_on_cores
from elmo_xlstm.embedding.pieces import PieceBatch, Pooling, sentence_pieces
from elmo_xlstm.embedding.precision import Precision, warn_if_slow
from elmo_xlstm.embedding.tuned_layers import TunedLayers
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model import BiXLSTM, Encoding
from elmo_xlstm.lm.model_directory import find_model, read_architecture
from elmo_xlstm.lm.model_files import save_model
from elmo_xlstm.pretrained import DEFAULT_MODEL
from elmo_xlstm.runtime.batches import token_budget_batches
from elmo_xlstm.runtime.text_vectors import TextVectors
from elmo_xlstm.text import Tokenizer, WordPieces

# Pieces of one batch, padding included. On a CPU, few enough that what a layer computes stays in the caches: at model
# width 768 batches of 4,096 take twice the time. A GPU wants many.
TOKEN_BUDGET = 512
TOKEN_BUDGET_GPU = 16_384


class ElmoEmbedder(nn.Module, TextVectors):
    """Gives every word of a sentence one vector per layer: a function of that sentence alone.

    The model is always in evaluation mode and keeps no state between calls. Sentences are embedded in batches of
    similar length; the other sentences and the padding of a batch change nothing beyond rounding.

    Args:
        model: the language model.
        tokenizer: the one it was trained with.
        pooling: which pieces stand for a word.
        precision: of the projections; ``bf16`` and ``int8`` are faster and less exact (see
            :mod:`elmo_xlstm.embedding.precision`).

    Attributes:
        fine_tune: how heads that read this embedder train a copy of the model; None where they read its vectors.
        num_layers: the token layer and one per block.
        dim: width of a layer, both directions.

    Raises:
        ValueError: there is no such pooling or precision.
        UserError: tokenizer and model do not belong together.
    """

    def __init__(
        self, model: BiXLSTM, tokenizer: Tokenizer, pooling: Pooling = "boundary", precision: Precision = "fp32"
    ) -> None:
        super().__init__()
        _check_options(pooling, precision)
        if tokenizer.vocab_size != model.config.vocab_size:
            raise UserError(
                f"tokenizer and model do not belong together: {tokenizer.vocab_size} pieces, "
                f"but the model has {model.config.vocab_size}"
            )
        model.config.backbone.require_precision(precision, "embedder.precision")
        self.model = model.eval().requires_grad_(False)
        self.tokenizer = tokenizer
        self.pooling: Pooling = pooling
        self.precision: Precision = precision
        self.fine_tune: TunedLayers.Config | None = None
        self.num_layers = model.config.num_blocks + 1
        self.dim = model.config.hidden_size
        self._frozen: tuple[object, FrozenModel] | None = None
        if model.device.type == "cpu":
            warn_if_slow(precision)

    @classmethod
    def from_pretrained(
        cls,
        name_or_path: str | Path = DEFAULT_MODEL,
        pooling: Pooling = "boundary",
        device: str | torch.device | None = None,
        precision: Precision = "fp32",
        random_seed: int | None = None,
        revision: str | None = None,
    ) -> ElmoEmbedder:
        """Load a model with its tokenizer.

        Args:
            name_or_path: the bundled model by default; its name, a model directory, a pretraining run, or a name on
                the Hugging Face hub.
            pooling: which pieces stand for a word.
            device: where to compute; a GPU if there is one by default.
            precision: of the projections.
            random_seed: draw weights with this seed, as pretraining does before its first step, in place of those
                that were learnt: the baseline that shows what pretraining gives.
            revision: commit, tag or branch on the hub.

        Raises:
            ValueError: there is no such pooling or precision.
            UserError: there is no such model, its files are damaged, or there is no such device, or none with such a
                precision.
        """
        _check_options(pooling, precision)
        device = usable_device(device)
        directory = find_model(name_or_path, revision)
        try:
            if random_seed is None:
                model = BiXLSTM.from_pretrained(directory)
            else:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(random_seed)
                    model = BiXLSTM(read_architecture(directory, BiXLSTM.empty))
        except (OSError, SafetensorError) as error:
            raise UserError(f"{directory}: the model cannot be read ({error}); restore its files") from None
        embedder = cls(model, Tokenizer.load(directory), pooling, precision).to(device)
        embedder._check_device()
        return embedder

    def save(self, directory: str | Path) -> None:
        """Write model and tokenizer as one model directory."""
        save_model(self.model, self.tokenizer, directory)

    def save_pretrained(self, directory: str | Path, **facts: Any) -> None:
        """Write model, tokenizer, model card and checksums: see :func:`elmo_xlstm.embedding.hub.save_pretrained`."""
        hub.save_pretrained(self, directory, **facts)

    def push_to_hub(self, name: str, **options: Any) -> str:
        """Write the same to the Hugging Face hub: see :func:`elmo_xlstm.embedding.hub.push_to_hub`."""
        return hub.push_to_hub(self, name, **options)

    def train(self, mode: bool = True) -> ElmoEmbedder:
        """Stay in evaluation mode: frozen features must not depend on the mode of a module around the embedder."""
        return super().train(False)

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of all that vectors depend on: equal ones give equal vectors.

        That is weights, architecture, tokenizer, how words are cleaned, pooling and precision.
        """
        digest = hashlib.sha256()
        for name, tensor in sorted(self.model.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy())
        config = self.model.config
        digest.update(config.backbone.fingerprint(config).encode())
        digest.update(f"{self.tokenizer.fingerprint} {self.pooling}".encode())
        if self.tokenizer.fix_unicode is not None:  # the fingerprints of models that do not clean words are older
            digest.update(f" fix_unicode={self.tokenizer.fix_unicode}".encode())
        if self.precision != "fp32":  # whose fingerprints are older than other precisions
            digest.update(f" {self.precision}".encode())
        return digest.hexdigest()

    def pieces(self, words: Sequence[str]) -> WordPieces:
        """Pieces of a sentence, as the model reads them."""
        return sentence_pieces([words], self.tokenizer)[0]

    def trainable_layers(self) -> TunedLayers | None:
        """A copy of the model that learns with a head, as ``fine_tune`` says; none if it stays frozen."""
        return None if self.fine_tune is None else TunedLayers(self.model, self.pooling, self.fine_tune)

    def forward(self, sentences: Sequence[Sequence[str]]) -> list[npt.NDArray[np.float32]]:
        """Embed sentences, in their order.

        Args:
            sentences: words of each; any number, any length.

        Returns:
            For each sentence (words, layers, dim).

        Raises:
            TypeError: a text stands where words are expected, or something else than a text for a word.
        """
        found = dict(self.stream(sentences))
        return [found[index] for index in range(len(found))]

    @torch.inference_mode()
    def stream(self, sentences: Sequence[Sequence[str]]) -> Iterator[tuple[int, npt.NDArray[np.float32]]]:
        """Embed sentences from short to long.

        Args:
            sentences: words of each.

        Yields:
            The index of a sentence and its (words, layers, dim).

        Raises:
            TypeError: see :meth:`forward`.
        """
        pieces = sentence_pieces(sentences, self.tokenizer)
        on_cpu = self.model.device.type == "cpu"
        lengths = [len(p.input_ids) for p in pieces]
        batches = token_budget_batches(lengths, TOKEN_BUDGET if on_cpu else TOKEN_BUDGET_GPU)

        def embed(batch: list[int]) -> list[npt.NDArray[np.float32]]:
            return self._embed([pieces[index] for index in batch])

        if on_cpu:
            self._folded()  # once, before threads read it
        for batch, vectors in zip(
            batches, map_on_cores(embed, batches) if on_cpu else map(embed, batches), strict=True
        ):
            yield from zip(batch, vectors, strict=True)

    def _embed(self, sentences: Sequence[WordPieces]) -> list[npt.NDArray[np.float32]]:
        """One padded batch; the arrays of its sentences are parts of one."""
        batch = PieceBatch.of(sentences).to(self.model.device)
        pooled = batch.words(self._encode(batch.input_ids, batch.mask), self.pooling)
        words = np.array([len(pieces.first) for pieces in sentences])
        return np.split(pooled.float().cpu().numpy(), words.cumsum()[:-1])

    def _encode(self, input_ids: Tensor, attention_mask: Tensor) -> Encoding:
        self._check_device()
        device = self.model.device.type
        if device == "cpu":
            with fast_matmul():
                return self._folded().encode_layers(input_ids, attention_mask)
        with torch.autocast(device, torch.bfloat16, enabled=self.precision == "bf16"):
            return self.model.encode_layers(input_ids, attention_mask)

    def _folded(self) -> FrozenModel:
        """The model as it is folded for a CPU; anew if its weights have changed since."""
        weights = [(p.data_ptr(), 0 if p.is_inference() else p._version) for p in self.model.parameters()]
        if self._frozen is None or self._frozen[0] != weights:
            self._frozen = (weights, FrozenModel(self.model, self.precision))
        return self._frozen[1]

    def _check_device(self) -> None:
        if self.precision == "int8" and self.model.device.type != "cpu":
            raise UserError(
                f"embedder precision int8 is for CPUs, but the model is on {self.model.device}; choose bf16 or fp32 "
                "there, or the device cpu"
            )


def _check_options(pooling: str, precision: str) -> None:
    for name, value, known in (("pooling", pooling, Pooling), ("precision", precision, Precision)):
        if value not in get_args(known):
            raise ValueError(f"{name} is one of {', '.join(get_args(known))}, not {value!r}")
