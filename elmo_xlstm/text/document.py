"""The unit of running text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Document:
    """A text as its source gives it.

    Attributes:
        text: the raw text, markup and all.
        origin: where it comes from, for messages: ``file:line``, a title or a row number.
        markup: ``wikitext`` has to be parsed before it is cleaned; the parser is slow, so that is
            left to the worker processes.
    """

    text: str
    origin: str
    markup: Literal["plain", "wikitext"] = "plain"
