"""Texts with labels of one's own: what the kinds of task on labelled texts share."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from elmo_xlstm.config import Settings
from elmo_xlstm.errors import UserError
from elmo_xlstm.text.sources.files import format_suffix
from tasks.own_data.hub import HubSplit, read_hub_split
from tasks.own_data.settings import OwnData, OwnFiles, OwnHubData
from tasks.own_data.splits import OwnSplits, checksums, read_splits
from tasks.readers.json_rows import LabelledJsonReader
from tasks.readers.labelled import LabelledReading, LabelledSplits, LabelledText
from tasks.readers.rows import labelled_row
from tasks.readers.table import Column, Columns, TableReader

Format = Literal["csv", "tsv", "jsonl"]
FORMATS: dict[str, Format] = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
SEPARATORS = {"csv": ",", "tsv": "\t"}


class TextColumns(Settings):
    """One text and its label."""

    text: Column = "text"
    """Column of the text, by name or counted from 0 (-1 is the last)."""
    label: Column = "label"
    """Column of the label."""

    @property
    def columns(self) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
        """Columns of texts and of labels."""
        return (self.text,), (self.label,)


class PairColumns(Settings):
    """Two texts and their label."""

    first: Column = "first"
    """Column of the first text, by name or counted from 0 (-1 is the last)."""
    second: Column = "second"
    """Column of the second text."""
    label: Column = "label"
    """Column of the label."""

    @property
    def columns(self) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
        """Columns of texts and of labels."""
        return (self.first, self.second), (self.label,)


class AspectColumns(Settings):
    """One text and a label for each aspect."""

    text: Column = "text"
    """Column of the text, by name or counted from 0 (-1 is the last)."""
    aspects: Columns
    """Column of each aspect's label; it gives the aspect its name."""

    @property
    def columns(self) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
        """Columns of texts and of labels."""
        return (self.text,), self.aspects

    @model_validator(mode="after")
    def _aspects_are_distinct(self) -> AspectColumns:
        if len(set(map(str, self.aspects))) < len(self.aspects):
            raise ValueError("aspects: each column is named once")
        return self


class LabelledFiles(OwnFiles):
    """CSV, TSV or JSON-lines files; kinds of task say which columns there are."""

    format: Format | None = None
    """csv, tsv or jsonl; by each file's ending (.csv, .tsv, .jsonl) where nothing is said."""
    separator: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    """CSV and TSV: what stands between columns; comma and tab."""
    quoted: bool = True
    """CSV and TSV: whether fields may stand in double quotes, and then hold separators and line ends; false takes
    quotes as part of the text."""
    header: bool = True
    """CSV and TSV: whether the first row names the columns; without one they are counted from 0."""

    def load(self) -> LabelledSplits:
        """Read the files.

        Raises:
            UserError: lists everything that is wrong with them.
        """
        reader = self.reader()

        def read(path: Path, labels: Collection[str] | None) -> tuple[Sequence[LabelledText], int]:
            reading = reader.read(path, labels)
            return reading.examples, reading.skipped

        splits = read_splits(self, read)
        return _labelled(self, splits, checksums((self.train, self.valid, self.test)))

    def reader(self) -> LabelledFileReader:
        """Reads further files of the same form."""
        return LabelledFileReader(self)


class LabelledFileReader:
    """Reads files whose format is declared or told by their ending.

    Args:
        config: says which columns there are.
    """

    def __init__(self, config: LabelledFiles) -> None:
        self.config = config

    def read(self, path: Path, labels: Collection[str] | None = None) -> LabelledReading:
        """Read one file; see :meth:`~tasks.readers.table.TableReader.read`.

        Raises:
            UserError: also if its format is unknown.
        """
        config = self.config
        texts, targets = _columns(config)
        kind = config.format or _format_of(path)
        strict, names = config.strict, config.label_names
        if kind == "jsonl":
            rows = LabelledJsonReader.Config(
                text_keys=tuple(map(str, texts)),
                label_keys=tuple(map(str, targets)),
                label_names=names,
                strict=strict,
            )
            return rows.build().read(path, labels)
        table = TableReader.Config(
            text_columns=texts,
            label_columns=targets,
            label_names=names,
            separator=config.separator or SEPARATORS[kind],
            quoted=config.quoted,
            header=config.header,
            strict=strict,
        )
        return table.build().read(path, labels)


class LabelledHub(OwnHubData):
    """A Hugging Face data set; kinds of task say which columns there are."""

    def load(self) -> LabelledSplits:
        """Read the splits.

        Raises:
            UserError: the data set cannot be had, or lists everything that is wrong with its rows.
        """
        texts, targets = (tuple(map(str, columns)) for columns in _columns(self))
        read: dict[str, HubSplit] = {}

        def get(split: str) -> HubSplit:
            if split not in read:
                read[split] = read_hub_split(self, split, (*texts, *targets), targets)
            return read[split]

        def parse(split: str, labels: Collection[str] | None) -> tuple[Sequence[LabelledText], int]:
            def example(row: dict[str, Any], origin: str) -> LabelledText:
                values = {column: row[column] for column in targets}
                return labelled_row({c: row[c] for c in texts}, values, self.label_names, labels, origin)

            return get(split).parse(example, self.strict)

        declared = get(self.train).declared_labels(targets, self.label_names)
        splits = read_splits(self, parse, declared=declared)
        return _labelled(self, splits, {split.shown: split.sha256 for split in read.values()})

    def reader(self) -> LabelledJsonReader:
        """Reads JSON-lines files whose keys are named as the columns are."""
        texts, targets = (tuple(map(str, columns)) for columns in _columns(self))
        config = LabelledJsonReader.Config(
            text_keys=texts, label_keys=targets, label_names=self.label_names, strict=self.strict
        )
        return config.build()


def _columns(config: Any) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
    """Columns of texts and of labels, of settings that have one of the classes of columns above."""
    columns: tuple[tuple[Column, ...], tuple[Column, ...]] = config.columns
    return columns


def _labelled(config: OwnData, splits: OwnSplits[LabelledText], sha256: dict[str, str]) -> LabelledSplits:
    aspects = tuple(map(str, _columns(config)[1])) if isinstance(config, AspectColumns) else ()
    return LabelledSplits(splits.train, splits.valid, splits.test, splits.labels, sha256, aspects, splits.skipped)


def _format_of(path: Path) -> Format:
    """The format that a file's ending tells, whatever it is compressed by."""
    try:
        return FORMATS[format_suffix(path)]
    except KeyError:
        raise UserError(f"{path}: the ending tells no format; set format to csv, tsv or jsonl") from None
