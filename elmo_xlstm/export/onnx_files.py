"""Directories that answer without torch: an ONNX graph, the tokenizer, and settings."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.errors import UserError
from elmo_xlstm.export.graph import PIECES, HeadGraph, LayersGraph, inputs_of
from elmo_xlstm.modules import Head, Tagger, Vocabularies
from elmo_xlstm.modules.batches import MAX_CHARACTERS
from elmo_xlstm.modules.classifier import LabelHead
from elmo_xlstm.optional import imported
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE, write_checksums
from elmo_xlstm.runs.directories import publish_directory
from elmo_xlstm.runtime.onnx_model import FORMAT, GRAPH_FILE, SETTINGS_FILE, TOKENIZER_FILE
from elmo_xlstm.text import Tokenizer
from elmo_xlstm.text.words import ALL

# Sizes of the batch that the graph is traced with; all of them differ, so that none is taken for another.
BATCH, PIECE_COUNT, WORD_COUNT, CHARACTER_COUNT = 2, 11, 5, 7
OUTPUT = "output"


def export_embedder(embedder: ElmoEmbedder, target: Path, force: bool = False) -> None:
    """Write an embedder for :class:`~elmo_xlstm.runtime.onnx_embedder.OnnxEmbedder`.

    Args:
        embedder: in fp32.
        target: the new directory.
        force: replace an exported model that is there.

    Raises:
        UserError: something else is there, the model cannot be exported, or onnx is missing.
    """
    graph = LayersGraph(embedder.model.to("cpu"), embedder.pooling)
    settings = {
        "kind": "embedder",
        "num_layers": embedder.num_layers,
        "dim": embedder.dim,
        "fingerprint": embedder.fingerprint,
        "lower_case": False,
    }
    _write(graph, PIECES, settings, embedder.tokenizer, target, force)


def export_head(
    head: Head,
    embedder: ElmoEmbedder | None,
    vocabularies: Vocabularies,
    settings: Mapping[str, Any],
    target: Path,
    force: bool = False,
) -> None:
    """Write a trained head with its language model for :class:`~elmo_xlstm.tasks.onnx_predictor.OnnxPredictor`.

    Args:
        head: a tagger, or one for labels of single texts.
        embedder: that it reads, or that the model tuned with it came from.
        vocabularies: of the head.
        settings: ``kind``, ``labels``, ``aspects``, ``lower_case`` and ``keep_whole``.
        target: the new directory.
        force: replace an exported model that is there.

    Raises:
        UserError: something else is there, there is no export of such a head, or onnx is missing.
    """
    if not isinstance(head, Tagger | LabelHead):
        raise UserError(f"a {type(head).__name__} cannot be exported to ONNX; taggers and classifiers can")
    head = head.to("cpu").eval()
    inputs = inputs_of(head)
    layers = None
    tuned = head.features.language_model
    if embedder is not None and head.features.mix is not None:
        layers = LayersGraph(embedder.model.to("cpu") if tuned is None else tuned.model, embedder.pooling)
    written = {**settings, "scheme": head.scheme.name if isinstance(head, Tagger) else None, **_chain(head)}
    if vocabularies.words is not None:
        written["words"] = {"tokens": vocabularies.words.tokens, "lower_case": vocabularies.words.lower_case}
    if vocabularies.characters is not None:
        written["characters"] = {"tokens": vocabularies.characters.tokens, "most": MAX_CHARACTERS}
    graph = HeadGraph(head, layers, inputs, stored=tuned is None)
    _write(graph, inputs, written, embedder.tokenizer if layers is not None and embedder else None, target, force)


def _chain(head: Head) -> dict[str, Any]:
    """The scores of a CRF's tags by their neighbours."""
    if not isinstance(head, Tagger) or head.crf is None:
        return {}
    names = ("transitions", "start", "end")
    return {"crf": {name: tensor.tolist() for name, tensor in zip(names, head.crf.scores(), strict=True)}}


def _write(
    graph: nn.Module,
    inputs: Sequence[str],
    settings: Mapping[str, Any],
    tokenizer: Tokenizer | None,
    target: Path,
    force: bool,
) -> None:
    _refuse_target(target, force)
    program = _converted(graph.eval(), inputs)
    of_tokenizer = {}
    if tokenizer is not None:
        ids = {name: getattr(tokenizer, name) for name in ("unk_id", "bos_id", "eos_id")}
        of_tokenizer = {"tokenizer": {**ids, "fix_unicode": tokenizer.fix_unicode}}
    with publish_directory(target) as directory:
        program.save(directory / GRAPH_FILE, external_data=False)
        if tokenizer is not None:
            tokenizer.save(directory)
            assert (directory / TOKENIZER_FILE).is_file()
        content = {"format": FORMAT, "keep_whole": ALL, **settings, **of_tokenizer}
        (directory / SETTINGS_FILE).write_text(json.dumps(content, ensure_ascii=False) + "\n", encoding="utf-8")
        write_checksums(directory)


def _converted(graph: nn.Module, inputs: Sequence[str]) -> Any:
    """The ONNX program of a graph, whose batch and lengths may be any."""
    for name in ("onnx", "onnxscript"):
        imported(name, "onnx-export")
    batch, pieces, words, characters = (Dim(name) for name in ("batch", "pieces", "words", "characters"))
    shapes: dict[str, dict[int, Any]] = {
        "input_ids": {0: batch, 1: pieces},
        "first": {0: batch, 1: words},
        "last": {0: batch, 1: words},
        "words": {0: batch, 1: words},
        "characters": {0: batch, 1: words, 2: characters},
    }
    chosen = tuple(shapes.get(name, {0: batch}) for name in inputs)
    by_position = isinstance(graph, LayersGraph)
    with torch.no_grad(), _quietly():
        program = torch.onnx.export(
            graph,
            tuple(_example(name) for name in inputs),
            dynamo=True,
            input_names=list(inputs),
            output_names=[OUTPUT],
            dynamic_shapes=chosen if by_position else (chosen,),
            verbose=False,
        )
    assert program is not None
    for node in program.model.graph:  # an LSTM's are those of the example
        for value in node.outputs:
            if value not in program.model.graph.outputs:
                value.shape = None
    return program


def _example(name: str) -> Tensor:
    """An input of a batch of two sentences."""
    match name:
        case "input_ids":
            return torch.ones(BATCH, PIECE_COUNT, dtype=torch.long)
        case "piece_counts":
            return torch.tensor([PIECE_COUNT, PIECE_COUNT - 2])
        case "word_counts":
            return torch.tensor([WORD_COUNT, WORD_COUNT - 1])
        case "characters":
            return torch.ones(BATCH, WORD_COUNT, CHARACTER_COUNT, dtype=torch.long)
        case _:
            return torch.ones(BATCH, WORD_COUNT, dtype=torch.long)


@contextmanager
def _quietly() -> Iterator[None]:
    """The exporter warns of its own parts, and logs that torchvision is missing."""
    logger = logging.getLogger("torch.onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _refuse_target(target: Path, force: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not force:
        raise UserError(f"{target}: is there already; replace it with --force, or choose another directory")
    if not all((target / name).is_file() for name in (SETTINGS_FILE, CHECKSUMS_FILE)):
        raise UserError(f"{target}: is no model that export --onnx wrote; choose another directory")
