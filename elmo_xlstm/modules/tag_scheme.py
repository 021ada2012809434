"""Tag schemes (BIO, BIOES, plain tag sets): the tag sequences that are permitted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

import torch

from elmo_xlstm.errors import UserError

SchemeName = Literal["bio", "bioes", "none"]

# The prefixes that may follow each prefix; I and E also need the same type as the tag before them.
_FOLLOWERS = {
    "bio": {"O": "OB", "B": "OBI", "I": "OBI"},
    "bioes": {"O": "OBS", "B": "IE", "I": "IE", "E": "OBS", "S": "OBS"},
}
_STARTS = {"bio": "OB", "bioes": "OBS"}
_ENDS = {"bio": "OBI", "bioes": "OES"}
_ALONE = {"bio": "OB", "bioes": "OS"}
MOST_LABELS = 2_000
"""Transitions are stored for all pairs; the largest tag sets in use have a few hundred tags."""


class TagScheme:
    """A declared label list and the tag sequences that it permits.

    Args:
        labels: every tag in order of its id: ``O``, ``B-PER``, ``I-PER``, …; untyped ``B`` and ``I`` are a type of
            their own. With scheme ``none``, any distinct strings.
        name: ``bio`` (I-X only after B-X or I-X), ``bioes`` (also E-X ends and S-X is a span of one word), or
            ``none`` (everything may follow everything).

    Attributes:
        labels: the tags, as a tuple.
        transitions: (K, K) bool; ``transitions[i, j]`` says that tag j may follow tag i.
        starts: (K,) bool, tags that may begin a sentence.
        ends: (K,) bool, tags that may end a sentence.

    Raises:
        UserError: labels are missing or repeated, do not fit the scheme, or permit no tag for a lone word.
    """

    def __init__(self, labels: Sequence[str], name: SchemeName) -> None:
        if not labels:
            raise UserError("the label list is empty; declare every tag of the task")
        if len(labels) > MOST_LABELS:
            raise UserError(
                f"{len(labels):,} tags, more than the {MOST_LABELS:,} of which all pairs are kept; check which column "
                "holds the tags"
            )
        repeated = sorted(label for label, count in Counter(labels).items() if count > 1)
        if repeated:
            raise UserError(f"the label list repeats {', '.join(repeated)}; each tag is declared once")
        self.labels = tuple(labels)
        self.name = name
        self._ids = {label: index for index, label in enumerate(self.labels)}
        size = len(self.labels)
        if name == "none":
            self.transitions = torch.ones(size, size, dtype=torch.bool)
            self.starts = self.ends = torch.ones(size, dtype=torch.bool)
            return
        parts = [self._split(label) for label in self.labels]
        self._check(parts)
        followers = _FOLLOWERS[name]
        self.transitions = torch.tensor(
            [
                [after in followers[before] and (after not in "IE" or kind == kind_before) for after, kind in parts]
                for before, kind_before in parts
            ]
        )
        self.starts = torch.tensor([prefix in _STARTS[name] for prefix, _ in parts])
        self.ends = torch.tensor([prefix in _ENDS[name] for prefix, _ in parts])

    def __len__(self) -> int:
        """Number of tags K."""
        return len(self.labels)

    def encode(self, tags: Sequence[str]) -> list[int]:
        """Ids of one sentence's tags.

        Raises:
            UserError: a tag was not declared, or one may not follow the one before it.
        """
        try:
            ids = [self._ids[tag] for tag in tags]
        except KeyError as error:
            raise UserError(
                f"tag '{error.args[0]}' is not among the declared labels: {', '.join(self.labels)}"
            ) from None
        if not self.permits(ids):
            raise UserError(f"tags '{' '.join(tags)}' break scheme '{self.name}'; mend them or choose scheme 'none'")
        return ids

    def decode(self, ids: Sequence[int]) -> list[str]:
        """Tags of one sentence's ids."""
        return [self.labels[index] for index in ids]

    def permits(self, ids: Sequence[int]) -> bool:
        """Whether the scheme permits this sequence of tag ids as a sentence."""
        if not ids:
            return True
        sequence = torch.tensor(ids)
        steps = self.transitions[sequence[:-1], sequence[1:]]
        return bool(self.starts[sequence[0]] & self.ends[sequence[-1]] & steps.all())

    def _split(self, label: str) -> tuple[str, str]:
        """Prefix and type: ``B-PER`` is (B, PER), ``B`` is (B, "")."""
        prefix, dash, kind = label.partition("-")
        if prefix not in _FOLLOWERS[self.name] or (prefix == "O" and dash) or (dash and not kind):
            known = ", ".join(_FOLLOWERS[self.name])
            number = label.removeprefix("-").isdecimal()
            names = "give numbers their names (label_names: { '0': 'O', '1': 'B-PER' }); " if number else ""
            raise UserError(
                f"label '{label}' does not fit scheme '{self.name}' (prefixes {known}); {names}"
                "for tags without prefixes, as in part-of-speech tagging, choose scheme 'none'"
            )
        return prefix, kind

    def _check(self, parts: Sequence[tuple[str, str]]) -> None:
        if not any(prefix in _ALONE[self.name] for prefix, _ in parts):
            raise UserError(
                f"no label of {', '.join(self.labels)} may stand on a lone word in scheme '{self.name}'; "
                f"declare one with prefix {' or '.join(_ALONE[self.name])}"
            )
        known = set(parts)
        for prefix, kind in parts:
            if prefix in "IE" and ("B", kind) not in known:
                span = f"-{kind}" if kind else ""
                raise UserError(f"label '{prefix}{span}' can never be used: 'B{span}' is not declared")


def repair_bio(tags: Sequence[str]) -> tuple[list[str], int]:
    """Turn every stray I-X (at the start, after O or after another type) of a BIO sentence into B-X.

    This is how conlleval and seqeval's default mode read such tags, so scores do not change.

    Returns:
        The repaired tags and how many were changed.
    """
    repaired: list[str] = []
    count = 0
    for tag in tags:
        prefix, dash, kind = tag.partition("-")
        if prefix == "I":
            before, _, kind_before = repaired[-1].partition("-") if repaired else ("O", "", "")
            if before not in ("B", "I") or kind_before != kind:
                tag = f"B{dash}{kind}"
                count += 1
        repaired.append(tag)
    return repaired, count
