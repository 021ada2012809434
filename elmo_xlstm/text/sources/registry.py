"""Where documents come from, chosen in a configuration by ``type``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from elmo_xlstm.config import Registry
from elmo_xlstm.text.document import Document

sources = Registry("text source")


class TextSource(Protocol):
    """A collection of documents that can be read any number of times, in the same order."""

    def __iter__(self) -> Iterator[Document]:
        """The documents.

        Raises:
            UserError: something cannot be read; says where.
        """

    def fingerprint(self) -> dict[str, Any]:
        """JSON values that change when the documents would."""
