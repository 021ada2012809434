"""What a tokenizer.json may be made of: steps that neither make a text grow without end nor search it without end."""

from __future__ import annotations

import base64
from typing import Any

from elmo_xlstm.text.tokenizer_casing import steps

NORMALIZERS = frozenset(
    "BertNormalizer ByteLevel Lowercase NFC NFD NFKC NFKD Nmt Precompiled Prepend Replace Strip StripAccents".split()
)
PRE_TOKENIZERS = frozenset(
    "BertPreTokenizer ByteLevel CharDelimiterSplit Digits Metaspace Punctuation Split UnicodeScripts Whitespace "
    "WhitespaceSplit".split()
)
REPEATABLE = frozenset({"Replace", "Split"})
"""What may come more than once; of the others some make a text longer each time."""
RUN_OF_SPACES = " {2,}"
"""The one regular expression of SentencePiece's normalisers; others can take for ever."""
MOST_STEPS = 32
LONGEST_PREFIX = 16
"""Characters that may be put before a word."""
LONGEST_REPLACEMENT = 100
"""Bytes that a table of characters may give for one; Unicode's longest have 33."""
LONGEST_WORD = 1000
"""Characters of a word that WordPiece splits, in time that grows with their cube."""


def check_components(definition: dict[str, Any]) -> None:
    """Refuse a tokenizer that could take more time or memory than its text is worth.

    Args:
        definition: the content of a ``tokenizer.json``.

    Raises:
        ValueError: names the step.
        AttributeError, KeyError, TypeError, RecursionError: it is not laid out as a ``tokenizer.json``.
    """
    for part, key, allowed in (
        ("normalizer", "normalizers", NORMALIZERS),
        ("pre_tokenizer", "pretokenizers", PRE_TOKENIZERS),
    ):
        found = steps(definition.get(part), key)
        kinds = [step.get("type") for step in found]
        if len(found) > MOST_STEPS:
            raise ValueError(f"{part} has {len(found)} steps, more than {MOST_STEPS}")
        for step, kind in zip(found, kinds, strict=True):
            if kind not in allowed:
                raise ValueError(f"{part} has a step '{kind}'; known are {', '.join(sorted(allowed))}")
            if kind not in REPEATABLE and kinds.count(kind) > 1:
                raise ValueError(f"{part} has the step '{kind}' more than once")
            if problem := _problem(kind, step):
                raise ValueError(f"{part} has a step '{kind}' that {problem}")
    if definition["model"].get("max_input_chars_per_word", 0) > LONGEST_WORD:
        raise ValueError(f"max_input_chars_per_word is more than {LONGEST_WORD}")


def _problem(kind: str, step: dict[str, Any]) -> str:
    if kind in REPEATABLE:
        pattern = step["pattern"]
        if "Regex" in pattern and pattern["Regex"] != RUN_OF_SPACES:
            return f"searches for the regular expression {pattern['Regex']!r:.80}; the one allowed is '{RUN_OF_SPACES}'"
        shortest = 2 if "Regex" in pattern else len(pattern["String"])
        if shortest == 0 or len(step.get("content", "")) > shortest:
            return "makes the text longer"
    if kind == "Prepend" and len(step["prepend"]) > LONGEST_PREFIX:
        return f"puts more than {LONGEST_PREFIX} characters before a word"
    if kind == "Precompiled":
        table = base64.b64decode(step["precompiled_charsmap"])
        texts = table[4 + int.from_bytes(table[:4], "little") :].split(b"\0")  # after a trie and its size
        if max(map(len, texts)) > LONGEST_REPLACEMENT:
            return f"gives more than {LONGEST_REPLACEMENT} bytes for a character"
    return ""
