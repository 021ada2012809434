"""Making a tokenizer lower-case text or not, whatever its definition says."""

from __future__ import annotations

import copy
from typing import Any

LOWERCASE = {"type": "Lowercase"}


def set_lower_case(definition: dict[str, Any], lower_case: bool) -> tuple[dict[str, Any], bool | None]:
    """A copy of a ``tokenizer.json`` whose normaliser lower-cases if and only if ``lower_case``.

    BERT's normaliser has its own switch, and its ``strip_accents`` is set to false: left unset it
    would follow the casing. Of other normalisers, ``Lowercase`` steps are removed, and one is put in
    front if wanted. Byte-level pre-tokenizers get their prefix space, so that a word on its own has
    the pieces it has inside a text.

    Returns:
        the new definition, and what the old one said about casing (None: its casing is no own step).
    """
    changed = copy.deepcopy(definition)
    normalizer, said = _without_lower_case(changed.get("normalizer"), lower_case)
    if lower_case and not _has_bert(normalizer):
        normalizer = LOWERCASE if normalizer is None else _sequence([dict(LOWERCASE), *steps(normalizer)])
    changed["normalizer"] = normalizer
    for step in steps(changed.get("pre_tokenizer"), "pretokenizers"):
        if step.get("type") == "ByteLevel":
            step["add_prefix_space"] = True
    return changed, said


def _without_lower_case(normalizer: Any, lower_case: bool) -> tuple[Any, bool | None]:
    """The normaliser with ``Lowercase`` steps removed and BERT's switches set; what it said before."""
    if normalizer is None:
        return None, None
    said: bool | None = None
    kept = []
    for step in steps(normalizer):
        if step.get("type") == "Lowercase":
            said = True
            continue
        if step.get("type") == "BertNormalizer":
            said = step.get("lowercase") if said is None else said
            step = {**step, "lowercase": lower_case, "strip_accents": False}
        kept.append(step)
    return _sequence(kept), said


def steps(part: Any, key: str = "normalizers") -> list[dict[str, Any]]:
    """The steps of a normaliser or pre-tokenizer, nested sequences laid flat."""
    if part is None:
        return []
    if part.get("type") == "Sequence":
        return [step for inner in part[key] for step in steps(inner, key)]
    return [part]


def _sequence(steps: list[dict[str, Any]]) -> dict[str, Any] | None:
    if len(steps) < 2:
        return steps[0] if steps else None
    return {"type": "Sequence", "normalizers": steps}


def _has_bert(normalizer: Any) -> bool:
    return any(step.get("type") == "BertNormalizer" for step in steps(normalizer))
