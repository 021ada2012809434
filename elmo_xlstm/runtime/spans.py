"""Spans that tags of the BIO and BIOES schemes mark."""

from __future__ import annotations

from collections.abc import Sequence

UNTYPED = "_"
"""Type of the spans that B and I alone mark, as in seqeval."""


def find_spans(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """Type, first word, and the word after the last of each span, as seqeval finds them, whose imports are slow."""
    spans: list[tuple[str, int, int]] = []
    before, kind_before = "O", UNTYPED
    for place, tag in enumerate(tags):
        prefix, kind = tag[0], tag[2:] or UNTYPED
        if prefix in "BS" or (prefix in "IE" and (before in "OES" or kind != kind_before)):
            spans.append((kind, place, place + 1))
        elif prefix in "IE":
            spans[-1] = (kind, spans[-1][1], place + 1)
        before, kind_before = prefix, kind
    return spans
