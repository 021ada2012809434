"""Spans that tags of the BIO and BIOES schemes mark."""

from __future__ import annotations

from collections.abc import Sequence


def find_spans(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """Type, first word, and the word after the last, as conlleval reads tags; the type of B and I alone is empty."""
    spans: list[tuple[str, int, int]] = []
    start: int | None = None
    prefix_before, kind_before = "O", ""
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, kind = tag.partition("-")
        goes_on = prefix in "IE" and kind == kind_before and prefix_before in "BI"
        if start is not None and not goes_on:
            spans.append((kind_before, start, place))
            start = None
        if start is None and prefix != "O":
            start = place
        prefix_before, kind_before = prefix, kind
    return spans
