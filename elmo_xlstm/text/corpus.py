"""A tokenised corpus on disk: its settings, its manifest and its tokens."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from elmo_xlstm.config import Settings
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.files import read_json, reading
from elmo_xlstm.text.cleaning import Cleaner
from elmo_xlstm.text.duplicates import NearDuplicates
from elmo_xlstm.text.shards import TokenStream
from elmo_xlstm.text.sources import sources as text_sources
from elmo_xlstm.text.sources.files import hash_file

MANIFEST_FILE = "manifest.json"
TOKEN_COUNTS_FILE = "token_counts.npy"
CHECKSUM = "sha256"
FORMAT_VERSION = 2  # raised when the files, or what cleaning makes of a text, change


class CorpusConfig(Settings):
    """Text to train a language model on."""

    sources: list[Annotated[Any, text_sources]] = Field(min_length=1)
    """Where the documents come from, read in this order."""
    cleaning: Cleaner.Config = Cleaner.Config()
    """How running text is made of them."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Read no further once the training part has so many tokens, such as of a data set that is streamed; a batch of
    documents is taken whole. null: all of the sources."""
    validation_fraction: float = Field(default=0.005, gt=0, lt=1)
    """Share of documents held out, chosen by a hash of their tokens; at least one document is."""
    shard_tokens: int = Field(default=2**26, ge=1)
    """Tokens a file."""
    workers: int | None = Field(default=None, ge=1)
    """Processes that clean and tokenise; null for one a core. The corpus is the same for any number."""
    deduplicate: bool = True
    """Drop documents whose tokens, which are all that the model reads of them, were there before."""
    near_duplicates: NearDuplicates | None = None
    """Drop documents that differ from an earlier one in a few words only; null keeps them."""


class CorruptCorpusError(UserError):
    """A file of a corpus is missing or is not what the manifest says."""


class Corpus:
    """The parts of a tokenised corpus, checked by size and, to ``verify``, by SHA-256 (CorruptCorpusError)."""

    def __init__(self, directory: Path, verify: bool = False) -> None:
        self.directory = Path(directory)
        self.manifest: dict[str, Any] = _read_manifest(self.directory / MANIFEST_FILE)  # sources, settings and counts
        parts = [self.manifest["train"], self.manifest["validation"]]
        for entry in [*(shard for part in parts for shard in part["shards"]), self.manifest["token_counts"]]:
            _check_file(self.directory / entry["name"], entry, verify)
        dtype = np.dtype(self.manifest["dtype"])
        self.train, self.validation = (TokenStream(self.directory, part, dtype) for part in parts)
        # (vocab_size,) int64, how often each id occurs in the train part
        self.token_counts: np.ndarray = np.load(self.directory / TOKEN_COUNTS_FILE, allow_pickle=False)


def _read_manifest(path: Path) -> dict[str, Any]:
    try:
        manifest = read_json(path)
        version = manifest["format_version"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptCorpusError(f"{path}: cannot be read as a corpus manifest ({error})") from None
    if version != FORMAT_VERSION:
        raise CorruptCorpusError(f"{path}: is of format {version}, expected {FORMAT_VERSION}")
    if manifest.get(CHECKSUM) not in (None, manifest_checksum(manifest)):  # older ones have none
        raise CorruptCorpusError(f"{path}: its content is not what was written (SHA-256 differs)")
    found: dict[str, Any] = manifest
    return found


def _check_file(path: Path, entry: dict[str, Any], verify: bool) -> None:
    with reading(path):
        if not path.is_file():
            raise CorruptCorpusError(f"{path}: is missing from the corpus")
        size = path.stat().st_size
        if size != entry["bytes"]:
            raise CorruptCorpusError(f"{path}: has {size} bytes, expected {entry['bytes']}")
        if verify and hash_file(path) != entry["sha256"]:
            raise CorruptCorpusError(f"{path}: its content is not what was written (SHA-256 differs)")


def manifest_checksum(manifest: Mapping[str, Any]) -> str:
    """SHA-256 of a manifest's values but this, however they are laid out; the files have theirs in it."""
    values = {name: value for name, value in manifest.items() if name != CHECKSUM}
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
