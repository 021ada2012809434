"""The three splits of a user's data set: read, or drawn from the training data."""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import ExampleT, QuestionPassage, Reading, Splits
from elmo_xlstm.tasks.data.readers.problems import DataError
from elmo_xlstm.tasks.data.user_data.settings import UserData

logger = logging.getLogger(__name__)

Read = Callable[[Any, Collection[str] | None], Reading[ExampleT]]
"""Reads the file, or part of a data set, that ``train``, ``valid`` or ``test`` names."""
LABELS_SHOWN = 20


def read_splits(settings: Any, read: Read[ExampleT], declared: tuple[str, ...] | None = None) -> Splits[ExampleT]:
    """Read, or draw, the splits that settings name; their checksums are the caller's to add.

    All problems of all splits are reported together. Labels are found in the whole of the training data, before
    anything is held out of it. Examples that two splits share are counted in a warning.

    Args:
        settings: :class:`~elmo_xlstm.tasks.data.user_data.settings.UserData` with ``train``, ``valid`` and ``test``.
        read: reads one of these; labels that are not among those it is given are problems.
        declared: labels that the data themselves declare, where the settings do not.

    Raises:
        UserError: there are bad rows, or too few.
    """
    labels = settings.labels or declared
    errors: list[DataError] = []
    skipped: dict[str, int] = {}
    found: dict[str, tuple[ExampleT, ...]] = {}
    for name in ("train", "valid", "test"):
        part = getattr(settings, name)
        if part is None:
            continue
        if isinstance(part, Path) and part.exists() and not part.is_file():
            raise UserError(f"{part}: is no regular file, but is read more than once; name a file")
        try:
            reading = read(part, labels)
        except DataError as error:
            errors.append(error)
            continue
        examples = found[name] = reading.examples
        if reading.skipped:
            skipped[str(part)] = reading.skipped
        if name == "train" and labels is None:
            counts = Counter(label for example in examples for label in example.gold or ())
            labels = tuple(settings.order_labels(set(counts)))
            shown = _list([f"{label} ({counts[label]})" for label in labels if label in counts])
            logger.info("%s: %d labels found: %s", part, len(counts), shown)
    if errors:
        raise UserError(_message(settings, errors, labels if settings.labels is None else None))
    assert labels is not None
    if settings.labels is None and declared is None:  # those that ``order_labels`` added may not be there
        used = {label for examples in found.values() for example in examples for label in example.gold or ()}
        labels = tuple(label for label in labels if label in used)
    origin = "/".join(filter(None, (getattr(settings, "name", None), str(settings.train))))
    if settings.folds is not None:
        found |= draw_fold(found["train"], settings.folds, settings._fold, settings.split_seed, origin)
    if settings.valid_fraction or settings.test_fraction:
        fractions = (settings.valid_fraction, settings.test_fraction)
        found |= draw_splits(found["train"], *fractions, settings.split_seed, origin)
    splits = Splits(
        found["train"], found["valid"], found["test"], labels, aspects=settings.aspect_names, skipped=skipped
    )
    warn_of_shared_examples(splits)
    return splits


def draw_splits(
    examples: Sequence[ExampleT],
    valid_fraction: float | None,
    test_fraction: float | None,
    seed: int,
    origin: str = "training data",
) -> dict[str, tuple[ExampleT, ...]]:
    """Hold out shares of examples, chosen by the SHA-256 of seed and words.

    Which examples are chosen does not depend on their order. Examples of the same words stay together, so that no
    text is both learned and tested; shares are of distinct texts, rounded, at least one.

    Args:
        examples: to draw from.
        valid_fraction: share for validation; None draws none.
        test_fraction: share for testing; None draws none.
        seed: other values choose others.
        origin: where they come from, for messages.

    Returns:
        ``train``, and ``valid`` and ``test`` where they are drawn, each in the order of ``examples``.

    Raises:
        UserError: nothing is left to train on.
    """
    keys = [hashlib.sha256(f"{seed}:{_key(example)}".encode(errors="surrogatepass")).digest() for example in examples]
    ordered = sorted(set(keys))
    place: dict[bytes, str] = {}
    for name, fraction in (("test", test_fraction), ("valid", valid_fraction)):
        if fraction is not None:
            count = max(1, round(fraction * len(ordered)))
            place |= dict.fromkeys(ordered[len(place) : len(place) + count], name)
    drawn: dict[str, list[ExampleT]] = {}
    for key, example in zip(keys, examples, strict=True):
        drawn.setdefault(place.get(key, "train"), []).append(example)
    if len(place) >= len(ordered) or len(drawn) < 1 + (valid_fraction is not None) + (test_fraction is not None):
        raise UserError(
            f"{origin}: {len(ordered)} distinct examples are too few to hold some out for validation and testing; give "
            "more of them, or name valid and test data of their own"
        )
    return {name: tuple(chosen) for name, chosen in drawn.items()}


def draw_fold(
    examples: Sequence[ExampleT], folds: int, fold: int, seed: int, origin: str = "training data"
) -> dict[str, tuple[ExampleT, ...]]:
    """Hold out one of several equal parts for testing; each example is in one of them.

    As in :func:`draw_splits`, the parts do not depend on the order of examples, and those of the same words stay
    together. Texts with one label are dealt out label by label, so that each part has its share of each.

    Args:
        examples: to draw from.
        folds: number of parts.
        fold: which one is held out, from 0.
        seed: other values make other parts.
        origin: where they come from, for messages.

    Returns:
        ``train`` and ``test``, each in the order of ``examples``.

    Raises:
        UserError: there are fewer distinct examples than parts.
    """
    keys = [hashlib.sha256(f"{seed}:{_key(example)}".encode(errors="surrogatepass")).digest() for example in examples]
    label: dict[bytes, str] = {}
    for key, example in zip(keys, examples, strict=True):
        gold = example.gold or ()
        label[key] = min(label.get(key, gold[0]), gold[0]) if len(gold) == 1 else ""
    ordered = sorted(label, key=lambda key: (label[key], key))
    if len(ordered) < folds:
        raise UserError(f"{origin}: {len(ordered)} distinct examples are too few for {folds} folds; make fewer")
    held_out = set(ordered[fold::folds])
    drawn: dict[str, list[ExampleT]] = {"train": [], "test": []}
    for key, example in zip(keys, examples, strict=True):
        drawn["test" if key in held_out else "train"].append(example)
    return {name: tuple(chosen) for name, chosen in drawn.items()}


def warn_of_shared_examples(splits: Splits[ExampleT]) -> None:
    """Log how many examples of one split have the words of an example of another: what is learned cannot be tested."""
    pairs = (("test", "train"), ("test", "valid"), ("valid", "train"))
    for name, other in pairs:
        seen = {_key(example): example for example in reversed(getattr(splits, other))}
        examples: Sequence[ExampleT] = getattr(splits, name)
        shared = [(example, seen[_key(example)]) for example in examples if _key(example) in seen]
        if shared:
            differing = sum(one.gold != two.gold for one, two in shared)
            logger.warning(
                "%d of %d %s examples have the same words as one of %s (first: %s = %s), %d of them other labels; "
                "remove them from one of the two, or scores are not those of new text",
                *(len(shared), len(examples), name, other, shared[0][0].origin, shared[0][1].origin, differing),
            )
    of_test = Counter(label for example in splits.test for label in example.gold or ())
    if len(of_test) == 1:
        logger.warning("every label of the test data is '%s'; are the labels of this split masked?", *of_test)


def _key(example: Any) -> str:
    return json.dumps(example.parts if isinstance(example, QuestionPassage) else example.words)


def _message(settings: UserData, errors: Sequence[DataError], found: tuple[str, ...] | None) -> str:
    lines = [error.listing for error in errors]
    problems = [problem for error in errors for problem in error.problems]
    if found is not None and any(": unknown label " in problem for problem in problems):
        known = f"Known are the labels of the training data: {_list(found)}."
        lines.append(f"{known} If there are others, declare all of them in 'labels'.")
    lines.append("Mend the rows" + (", or set on_bad_row: 'skip' to leave them out." if settings.strict else "."))
    return "\n".join(lines)


def _list(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - LABELS_SHOWN} more" if len(labels) > LABELS_SHOWN else ""
    return ", ".join(labels[:LABELS_SHOWN]) + more
