"""A user's Hugging Face data set, by the columns that a task reads."""

from __future__ import annotations

import hashlib
import json
import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from elmo_xlstm.config import suggestion
from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import ExampleT, Reading, Splits
from elmo_xlstm.tasks.data.readers.problems import read_rows
from elmo_xlstm.tasks.data.user_data.settings import UserData
from elmo_xlstm.tasks.data.user_data.splits import read_splits
from elmo_xlstm.text.sources.huggingface import no_foreign_code

logger = logging.getLogger(__name__)

SAVED = ("dataset_dict.json", "state.json")
"""Files of ``save_to_disk`` in a directory of several splits, and of one."""


@dataclass(frozen=True)
class HubSplit:
    """One split, read.

    Attributes:
        shown: its name in messages and result files.
        rows: values by column; numbers that the data set has names for are those names.
        names: of the labels, by column, where the data set declares them.
        sha256: of the rows, in hexadecimal digits.
    """

    shown: str
    rows: Sequence[Mapping[str, Any]]
    names: Mapping[str, tuple[str, ...]]
    sha256: str

    def parse(self, example: Callable[[Any, str], ExampleT], strict: bool) -> Reading[ExampleT]:
        """Make an example of each row.

        Args:
            example: makes one of a row and the row's name in messages; raises ValueError.
            strict: refuse bad rows; false skips them.

        Raises:
            DataError: rows are bad, or all of them were skipped.
        """
        rows = ((f"{self.shown}, row {number}", row) for number, row in enumerate(self.rows, start=1))
        return read_rows(self.shown, rows, example, "row that can be used", strict)

    def declared_labels(self, columns: Sequence[str], renamed: Mapping[str, str]) -> tuple[str, ...] | None:
        """The labels that the data set declares for columns, each once; None if it does not for one of them."""
        if not all(column in self.names for column in columns):
            return None
        labels = (renamed.get(name, name) for column in columns for name in self.names[column])
        also = [renamed[""]] if "" in renamed else []
        return tuple(dict.fromkeys([*labels, *also]))


class HubData(UserData, ABC):
    """A Hugging Face data set: of the hub, a local directory, or local files."""

    name: str
    """Name on the hub (``indonlp/indonlu``), a local directory (also one that ``save_to_disk`` made), or a file format
    (``json``, ``csv``, ``parquet``) with ``data_files``."""
    config_name: str | None = None
    """The data set's configuration."""
    revision: str | None = None
    """Commit, tag or branch on the hub; a commit makes sure that the data stay the same."""
    data_files: dict[str, str | list[str]] | None = None
    """Local files of each split."""
    train: str = "train"
    """Split to train on, whole or a part: ``train``, ``train[:90%]``, ``train+extra``."""
    valid: str | None = None
    """Split to validate on: ``validation``, ``train[90%:]``."""
    test: str | None = None
    """Split to test on."""

    @property
    @abstractmethod
    def read_columns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Columns of texts or words, and columns of labels."""

    @abstractmethod
    def example(self, row: Any, origin: str, labels: Collection[str] | None) -> Any:
        """Make an example of a row.

        Raises:
            ValueError: the row is bad.
        """

    def load(self) -> Splits[Any]:
        """Read the splits.

        Raises:
            UserError: the data set cannot be had, or lists everything that is wrong with its rows.
        """
        texts, targets = self.read_columns
        found: dict[str, HubSplit] = {}

        def get(split: str) -> HubSplit:
            if split not in found:
                found[split] = read_hub_split(self, split, (*texts, *targets), targets)
            return found[split]

        def read(split: str, labels: Collection[str] | None) -> Reading[Any]:
            return get(split).parse(lambda row, origin: self.example(row, origin, labels), self.strict)

        declared = get(self.train).declared_labels(targets, self.label_names)
        splits = read_splits(self, read, declared)
        return replace(splits, sha256={split.shown: split.sha256 for split in found.values()})


def read_hub_split(config: HubData, split: str, columns: Sequence[str], label_columns: Sequence[str]) -> HubSplit:
    """Load the wanted columns of one split.

    Args:
        config: which data set.
        split: of it; or a part, such as ``train[:90%]``.
        columns: to read.
        label_columns: those of them that hold labels, or lists of labels.

    Raises:
        UserError: it cannot be had, or lacks a column.
    """
    shown = "/".join(filter(None, (config.name, config.config_name, split)))
    try:
        data = _load(config, split)
        for column in columns:
            if column not in data.column_names:
                raise UserError(
                    f"data set {shown}: no column '{column}' among {', '.join(data.column_names)}; "
                    f"{suggestion(column, data.column_names)}"
                )
        names = {column: found for column in label_columns if (found := _label_names(data.features[column]))}
        rows = [
            {column: _named(value, names.get(column)) for column, value in row.items()}
            for row in data.select_columns(list(columns)).with_format(None)
        ]
    except UserError:
        raise
    except Exception as error:  # the library and its file systems raise many kinds
        reason = (str(error).strip().splitlines() or ["no reason given"])[0]
        raise UserError(
            f"data set {shown}: cannot be read ({type(error).__name__}: {reason}); check the name, the configuration, "
            "the split and the network, or download its files and name them"
        ) from None
    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(row, sort_keys=True, default=str).encode() + b"\n")
    return HubSplit(shown, rows, names, digest.hexdigest())


def _load(config: HubData, split: str) -> Any:
    import datasets  # takes seconds to import

    directory = Path(config.name)
    if any((directory / name).is_file() for name in SAVED):
        return _part_of_saved(datasets, directory, split)
    if config.data_files is None and config.revision is None and not directory.exists():
        logger.warning("%s: no revision is given; a commit's makes sure that the data stay the same", config.name)
    return datasets.load_dataset(
        config.name,
        config.config_name,
        data_files=config.data_files,
        split=split,
        revision=config.revision,
        **no_foreign_code(datasets.load_dataset),
    )


def _part_of_saved(datasets: Any, directory: Path, split: str) -> Any:
    """A split, or parts of splits, of what ``save_to_disk`` wrote; the library itself loads only the whole."""
    saved = datasets.load_from_disk(str(directory))
    splits = saved if isinstance(saved, datasets.DatasetDict) else {"train": saved}
    instruction = datasets.ReadInstruction.from_spec(split)
    parts = instruction.to_absolute({name: len(data) for name, data in splits.items()})
    return datasets.concatenate_datasets([splits[p.splitname].select(range(p.from_, p.to)) for p in parts])


def _label_names(feature: Any) -> tuple[str, ...]:
    """The names that a column's type has for its numbers; none if it has not."""
    from datasets import ClassLabel

    while not isinstance(feature, ClassLabel):
        if isinstance(feature, list) and feature:
            feature = feature[0]
        elif hasattr(feature, "feature"):
            feature = feature.feature
        else:
            return ()
    return tuple(feature.names)


def _named(value: Any, names: tuple[str, ...] | None) -> Any:
    """A label's number as its name; -1 stands for no label."""
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    if names is None or not isinstance(value, int):
        return value
    return names[value] if 0 <= value < len(names) else None
