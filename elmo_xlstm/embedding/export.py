"""Export of a pretrained model as a small directory for embedding: 16-bit or 8-bit numbers, no soft-max weights.

The directory is loaded like every other (``ElmoEmbedder.from_pretrained``); computation is in float32. Its sources are
in ``provenance.json``; its files are compared with ``checksums.json`` whenever it is loaded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from elmo_xlstm.embedding.embedder import ElmoEmbedder
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_directory import (
    WEIGHTS_FILE,
    from_int8_rows,
    read_provenance,
    to_int8_rows,
    write_provenance,
)
from elmo_xlstm.lm.model_files import encoder_weights, make_encoder, save_model
from elmo_xlstm.lm.pretraining_record import read_record
from elmo_xlstm.lm.scoring import Validation, score_paths
from elmo_xlstm.pretrained import PROVENANCE_FILE
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, write_checksums
from elmo_xlstm.runs.directories import publish_directory
from elmo_xlstm.text import Tokenizer

STORAGE_FORMATS = {"int8": torch.float16, "fp16": torch.float16, "fp32": torch.float32}
"""Of matrices; with int8 the large ones are integers with a scale a row, the others fp16."""


@dataclass(frozen=True)
class Difference:
    """Distance of two embedders' vectors of the same words, relative to the length of the first one's vectors.

    Attributes:
        largest: over all words and layers.
        mean: over all words and layers.
    """

    largest: float
    mean: float


@dataclass(frozen=True)
class Export:
    """Report of an export.

    Attributes:
        parameters: stored numbers.
        bytes: of the weights' file.
        difference: of word vectors, before and after the weights were stored.
        scores: of the weights as they are stored, with the soft-max that is left out, on each text.
    """

    parameters: int
    bytes: int
    difference: Difference
    scores: dict[str, Validation]


def export_model(
    run: Path,
    target: Path,
    sentences: Sequence[Sequence[str]],
    storage: str = "fp16",
    step: int | None = None,
    texts: Sequence[Path] = (),
    facts: Mapping[str, Any] | None = None,
    force: bool = False,
) -> Export:
    """Write a pretraining run's model for embedding.

    Matrices are stored in the format asked for; vectors (gate biases, norms, skips), which are a thousandth of all
    numbers and act on every step, in float32. The same run gives the same files.

    Args:
        run: directory of the pretraining run.
        target: the new model directory.
        sentences: words to compare the stored model's vectors with the run's on.
        storage: of matrices, one of :data:`STORAGE_FORMATS`.
        step: of the checkpoint to take; the run's best by default.
        texts: files to score the model on, a document a line, for its provenance; named by their stems.
        facts: of the export, such as its command, for the provenance.
        force: replace an exported model at ``target``; files that others put beside it stay.

    Raises:
        UserError: there is no such model or text, the target is not to be replaced, or a weight does not fit into
            the format.
    """
    _refuse_target(target, force)
    record = read_record(run, step)
    model, tokenizer = BiXLSTM.from_pretrained(record.model), Tokenizer.load(record.model)
    tokenizer.fix_unicode = record.recipe["corpus"]["cleaning"]["fix_unicode"]  # runs did not always write it down
    weights = encoder_weights(model)
    stored = {key: part for name, tensor in weights.items() for key, part in _stored(name, tensor, storage).items()}
    with publish_directory(target) as directory:
        save_model(make_encoder(model, from_int8_rows(stored)), tokenizer, directory, stored)
        loaded = ElmoEmbedder.from_pretrained(directory, device="cpu")
        difference = vector_difference(ElmoEmbedder(model, tokenizer), loaded, sentences)
        model.load_state_dict(loaded.model.state_dict(), strict=False)
        scores = {Path(path).stem: score for path, score in score_paths(model, tokenizer, texts).items()}
        export = Export(
            sum(tensor.numel() for tensor in weights.values()),
            (directory / WEIGHTS_FILE).stat().st_size,
            difference,
            scores,
        )
        write_provenance(
            directory,
            {
                "weights": {
                    "storage": storage,
                    "parameters": export.parameters,
                    "left_out": "soft-max",
                    "relative_difference_of_word_vectors": asdict(difference),
                },
                "steps": record.step,
                "validation": record.validation,
                "validation_by_text": {name: score.as_dict() for name, score in scores.items()},
                "corpus": record.corpus,
                **({"initial_model": record.initial_model} if record.initial_model is not None else {}),
                "recipe": record.recipe,
                **(facts or {}),
            },
        )
        write_checksums(directory)
    return export


def vector_difference(one: ElmoEmbedder, other: ElmoEmbedder, sentences: Sequence[Sequence[str]]) -> Difference:
    """Compare two embedders of the same shape on sentences.

    Args:
        one: the vectors that the difference is measured by.
        other: those that differ.
        sentences: words of each; at least one word in all.
    """
    shares = []
    for exact, changed in zip(one(sentences), other(sentences), strict=True):
        lengths = np.linalg.norm(exact, axis=-1)  # (words, layers)
        shares.append((np.linalg.norm(changed - exact, axis=-1) / np.maximum(lengths, 1e-12)).ravel())
    found = np.concatenate(shares)
    return Difference(float(found.max()), float(found.mean()))


def _refuse_target(target: Path, force: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not force:
        raise UserError(f"{target}: is there already; replace it with --force, or choose another directory")
    if not all((target / name).is_file() for name in (PROVENANCE_FILE, CHECKSUMS_FILE)) or not read_provenance(target):
        raise UserError(
            f"{target}: is no model that export wrote (these have {PROVENANCE_FILE} and {CHECKSUMS_FILE}); it is not "
            "replaced, not with --force either: choose another directory, or move away what is there"
        )


def _stored(name: str, tensor: Tensor, storage: str) -> dict[str, Tensor]:
    parts = to_int8_rows(name, tensor) if storage == "int8" else {name: tensor}
    if len(parts) == 1:
        parts = {name: tensor.to(STORAGE_FORMATS[storage] if tensor.ndim > 1 else torch.float32).contiguous()}
    if not all(bool(torch.isfinite(part).all()) for part in parts.values()):
        raise UserError(f"{name}: has weights that {storage} cannot hold; export with --format fp32")
    return parts
