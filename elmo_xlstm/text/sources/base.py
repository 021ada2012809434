"""The interface and settings that all text sources share, and the registry that a configuration chooses them from."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pydantic import Field

from elmo_xlstm.config import Registry, Settings


class SourceSettings(Settings):
    """The base of every text source's settings."""

    label: str | None = None
    """Name of the source in a corpus's manifest; by default after its file or data set."""
    share: float = Field(default=1.0, gt=0, le=1)
    """Share of its documents that is used, chosen by a hash of the raw text: the same ones every time."""
    repeat: int = Field(default=1, ge=1)
    """How often each of its training documents is written to a corpus, or counted for a vocabulary; held-out
    documents are written once."""

    @property
    def shown(self) -> str:
        """The label, or a name that says as much."""
        return self.label or self.default_label()

    def default_label(self) -> str:
        """The name of a source that has no label."""
        return str(getattr(self, "type", "source"))

    def uses(self, text: str) -> bool:
        """Whether a document with this raw text is in the share."""
        if self.share == 1:
            return True
        # Another hash than the one that chooses held-out documents, or these would mostly be chosen here as well.
        digest = hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8, person=b"share").digest()
        return int.from_bytes(digest, "little") < self.share * 2**64


def file_label(path: str) -> str:
    """A file's name without its endings: ``news`` for ``texts/news.txt.xz``."""
    name = path.rstrip("/").rpartition("/")[2]
    return name.lstrip(".").partition(".")[0] or name


@dataclass(frozen=True)
class Document:
    """A text as its source gives it."""

    text: str
    origin: str
    markup: Literal["plain", "wikitext"] = "plain"


sources = Registry("text source")


class TextSource(Protocol):
    """A collection of documents that can be read any number of times, in the same order."""

    def __iter__(self) -> Iterator[Document]:
        """The documents. UserError says where something cannot be read."""

    def fingerprint(self) -> dict[str, Any]:
        """JSON values that change when the documents would."""
