"""Static vectors of pieces, which take no model to read: a directory for model2vec and sentence-transformers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
import tokenizers
import torch
from torch import Tensor

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.embedding.pieces import PieceBatch, sentence_pieces
from elmo_xlstm.errors import UserError
from elmo_xlstm.optional import imported
from elmo_xlstm.runs.directories import publish_directory
from elmo_xlstm.runtime.batches import token_budget_batches
from elmo_xlstm.text.tokenizer import TOKENIZER_FILE

Kind = Literal["token", "contextual"]
PIECES_AT_ONCE = 1_024
SENTENCES_AT_ONCE = 1_024
TOKEN_BUDGET = 4_096


def export_static(
    embedder: ElmoEmbedder,
    target: Path,
    kind: Kind = "token",
    sentences: Iterable[Sequence[str]] = (),
    force: bool = False,
) -> None:
    """Write a directory that ``model2vec.StaticModel`` and ``SentenceTransformer`` load.

    The vector of a text is the mean of its pieces' vectors.

    Args:
        embedder: of the language model.
        target: the new directory.
        kind: the token layer, or the mean of all layers, of each piece read alone and wherever it is in ``sentences``.
        sentences: words of each, for contextual vectors.
        force: replace what is there.

    Raises:
        UserError: something is there, or model2vec is missing.
    """
    if target.exists() and not force and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"{target}: is there already; replace it with --force, or choose another directory")
    model2vec = imported("model2vec", "static")
    tokenizer = embedder.tokenizer
    vectors = token_vectors(embedder) if kind == "token" else contextual_vectors(embedder, sentences)
    vectors[[tokenizer.pad_id, tokenizer.bos_id, tokenizer.eos_id]] = 0.0
    with publish_directory(target) as directory:
        tokenizer.save(directory)
        backend = tokenizers.Tokenizer.from_file(str(directory / TOKENIZER_FILE))
        model = model2vec.StaticModel(vectors, backend, base_model_name="elmo-xlstm", language=["id"], max_length=None)
        model.save_pretrained(directory)


@torch.inference_mode()
def token_vectors(embedder: ElmoEmbedder) -> np.ndarray:
    """The token layer: (vocabulary, width)."""
    found: np.ndarray = embedder.model.token_embedding.weight.detach().float().cpu().numpy().copy()
    return found


@torch.inference_mode()
def contextual_vectors(embedder: ElmoEmbedder, sentences: Iterable[Sequence[str]] = ()) -> np.ndarray:
    """The mean over layers and over all places where a piece stands: (vocabulary, 2 * width).

    Args:
        embedder: of the language model.
        sentences: words of each. Each piece is read alone besides, so that none is without a place.
    """
    model, tokenizer = embedder.model, embedder.tokenizer
    sums = torch.zeros(tokenizer.vocab_size, embedder.dim, device=model.device)
    counts = torch.zeros(tokenizer.vocab_size, 1, device=model.device)

    def add(input_ids: Tensor, mask: Tensor) -> None:
        layers = model.encode_layers(input_ids, mask).layers()
        ids = input_ids[mask]
        sums.index_add_(0, ids, torch.stack(layers).mean(dim=0)[mask].float())
        counts.index_add_(0, ids, torch.ones(len(ids), 1, device=model.device))

    for ids in torch.arange(tokenizer.vocab_size, device=model.device).split(PIECES_AT_ONCE):
        ends = [torch.full_like(ids, piece) for piece in (tokenizer.bos_id, tokenizer.eos_id)]
        alone = torch.stack([ends[0], ids, ends[1]], dim=1)
        add(alone, torch.ones_like(alone, dtype=torch.bool))
    rest = iter(sentences)
    while some := list(islice(rest, SENTENCES_AT_ONCE)):
        pieces = sentence_pieces([words for words in some if words], tokenizer)
        for batch in token_budget_batches([len(found.input_ids) for found in pieces], TOKEN_BUDGET):
            read = PieceBatch.of([pieces[index] for index in batch]).to(model.device)
            add(read.input_ids, read.mask)
    mean: np.ndarray = (sums / counts).cpu().numpy()
    return mean
