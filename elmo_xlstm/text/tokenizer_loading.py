"""Reading a tokenizer's definition from files or from the hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from elmo_xlstm.errors import UserError
from elmo_xlstm.files import check_directory, read_file


def read_definition(name: str, revision: str | None = None) -> dict[str, Any]:
    """The content of a ``tokenizer.json``, wherever it comes from.

    Args:
        name: a directory (with ``tokenizer.json``, ``vocab.txt`` or other Hugging Face tokenizer
            files), a ``.json`` or ``.txt`` file, or a name on the Hugging Face hub.
        revision: commit, tag or branch on the hub.

    Raises:
        UserError: nothing usable is there.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return _read_file(path)
    if path.is_dir():
        for file_name in ("tokenizer.json", "vocab.txt"):
            if (path / file_name).is_file():
                return _read_file(path / file_name)
        check_directory(path)
        return _read_with_transformers(str(path), revision)
    looks_local = name.startswith((".", "/", "~")) or name.endswith((".json", ".txt")) or name.count("/") > 1
    if looks_local:
        raise UserError(
            f"tokenizer '{name}': no such file or directory; expected a directory with tokenizer.json, "
            "a tokenizer.json, a vocab.txt, or the name of a tokenizer on the Hugging Face hub"
        )
    return _read_with_transformers(name, revision)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = read_file(path, within=Path(path.absolute().anchor)).decode("utf-8-sig")  # the user may name a link
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 (byte {error.start}); expected tokenizer.json or vocab.txt") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}; expected tokenizer.json or vocab.txt") from None
    if path.suffix == ".json":
        try:
            definition = json.loads(text)
        except ValueError as error:
            raise UserError(f"{path}: is no valid JSON: {error}; restore the file") from None
        except RecursionError:
            raise UserError(f"{path}: is nested too deeply to be a tokenizer.json; restore the file") from None
        if not isinstance(definition, dict) or "model" not in definition:
            raise UserError(
                f"{path}: is no tokenizer.json of the tokenizers library (it has no 'model'); restore the file"
            )
        return definition
    return _wordpiece_definition(text, path)


def _wordpiece_definition(text: str, path: Path) -> dict[str, Any]:
    """A BERT-style WordPiece tokenizer from a vocabulary with one piece a line."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    vocabulary: dict[str, int] = {}
    for index, line in enumerate(lines):
        piece = line.rstrip("\r")
        if piece in vocabulary:
            raise UserError(
                f"{path}:{index + 1}: '{piece}' was on line {vocabulary[piece] + 1} already; expected one piece a line"
            )
        vocabulary[piece] = index
    unknown = next((token for token in ("[UNK]", "<unk>") if token in vocabulary), None)
    if unknown is None:
        raise UserError(f"{path}: has no line [UNK]; expected a WordPiece vocabulary, one piece a line")
    tokenizer = bert_tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    special = [token for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]") if token in vocabulary]
    tokenizer.add_special_tokens(special)
    definition = json.loads(tokenizer.to_str())
    del definition["normalizer"]["lowercase"]  # a vocabulary says nothing of casing: the setting does
    return definition


def bert_tokenizer(model: models.Model) -> tokenizers.Tokenizer:
    """BERT's normaliser, pre-tokenizer and decoder around a WordPiece model; casing is kept."""
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return tokenizer


def _read_with_transformers(name: str, revision: str | None) -> dict[str, Any]:
    from transformers import AutoTokenizer  # slow to import, and only hub names need it

    advice = (
        "use a directory with tokenizer.json, a tokenizer.json or a vocab.txt instead, "
        "or train one with 'python cli.py tokenizer CONFIG'"
    )
    try:
        loaded = AutoTokenizer.from_pretrained(
            name, revision=revision or "main", use_fast=True, trust_remote_code=False
        )
    except Exception as error:  # missing names, missing network and missing packages all differ in type
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"tokenizer '{name}': no such file, and it cannot be loaded from the Hugging Face hub ({reason}); {advice}"
        ) from None
    backend = getattr(loaded, "backend_tokenizer", None)
    if backend is None:
        raise UserError(f"tokenizer '{name}': has no fast version (tokenizer.json); {advice}")
    return json.loads(backend.to_str())
