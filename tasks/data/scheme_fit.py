"""A tagging data set made to fit the head's scheme: labels that the scheme needs, training tags that it permits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from elmo_xlstm.modules import SchemeName, TagScheme
from elmo_xlstm.tasks.data.examples import Splits, TaggedSentence
from elmo_xlstm.tasks.data.readers.problems import DataError, refuse_or_warn
from elmo_xlstm.tasks.data.user_data.settings import UserData

# The prefixes of labels that nobody can use where there is no B- of the same type.
_NEED_B = {"bio": ("I",), "bioes": ("I", "E"), "none": ()}
ADVICE = "Mend the tags (a span is S-X, or B-X, any I-X, E-X), or choose another task.head.scheme"


def fit_scheme(splits: Splits[TaggedSentence], scheme: SchemeName, dataset: Any) -> Splits[TaggedSentence]:
    """Complete the labels of a user's data, and see to training sentences whose BIOES tags break the scheme.

    BIO tags are left as they are: a stray I- is read as B- in training. So is what is only scored.

    Args:
        splits: as they were read.
        scheme: of the head.
        dataset: settings that they were read by. Labels that they declare themselves are not completed, and where
            bad rows are to be skipped, so are the sentences.

    Raises:
        DataError: training tags break BIOES, each named by its sentence; or all sentences were skipped.
        UserError: the labels do not fit the scheme.
    """
    if isinstance(dataset, UserData) and dataset.labels is None:
        splits = replace(splits, labels=complete_labels(splits.labels, scheme))
    if scheme != "bioes":
        return splits
    tag_scheme = TagScheme(splits.labels, scheme)
    reasons = [_broken(tag_scheme, sentence.tags or ()) for sentence in splits.train]
    problems = [f"{s.origin}: {reason}" for s, reason in zip(splits.train, reasons, strict=True) if reason]
    if not problems:
        return splits
    part, own = str(getattr(dataset, "train", "training data")), isinstance(dataset, UserData)
    if not own or dataset.strict:
        skipping = ", or set on_bad_row: 'skip' to leave the sentences out" if own else ""
        raise DataError(part, problems, f"{ADVICE}{skipping}.")
    refuse_or_warn(part, problems, len(problems), strict=False)
    kept = tuple(s for s, reason in zip(splits.train, reasons, strict=True) if not reason)
    if not kept:
        raise DataError(part, [*problems, f"{part}: holds no sentence that can be used"], f"{ADVICE}.")
    skipped = {**splits.skipped, part: splits.skipped.get(part, 0) + len(problems)}
    return replace(splits, train=kept, skipped=skipped)


def complete_labels(labels: Sequence[str], scheme: SchemeName) -> tuple[str, ...]:
    """The labels in their order, with a B-X before the first of a type that has none but needs it."""
    completed: list[str] = []
    for label in labels:
        prefix, dash, kind = label.partition("-")
        begin = f"B{dash}{kind}"
        if prefix in _NEED_B[scheme] and begin not in labels and begin not in completed:
            completed.append(begin)
        completed.append(label)
    return tuple(completed)


def _broken(scheme: TagScheme, tags: Sequence[str]) -> str:
    """Where a sentence's tags first break the scheme, in words; empty if nowhere."""
    ids = [scheme.labels.index(tag) for tag in tags]
    if scheme.permits(ids):
        return ""
    end = f"in scheme '{scheme.name}'"
    if not scheme.starts[ids[0]]:
        return f"tag '{tags[0]}' cannot begin a sentence {end}"
    for place, (before, after) in enumerate(zip(ids, ids[1:], strict=False), start=2):
        if not scheme.transitions[before, after]:
            return f"tag '{scheme.labels[after]}' of word {place} cannot follow '{scheme.labels[before]}' {end}"
    return f"tag '{tags[-1]}' of word {len(tags)} cannot end a sentence {end}"
