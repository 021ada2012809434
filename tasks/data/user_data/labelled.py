"""A user's labelled texts: columns, files and Hugging Face data sets."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import LabelledText, Reading
from elmo_xlstm.tasks.data.readers.json_lines import LabelledJsonReader
from elmo_xlstm.tasks.data.readers.rows import labelled_row
from elmo_xlstm.tasks.data.readers.table import Column, Columns, TableReader
from elmo_xlstm.tasks.data.registries import aspect_datasets, classification_datasets, pair_datasets
from elmo_xlstm.tasks.data.user_data.files import UserFiles
from elmo_xlstm.tasks.data.user_data.hub import HubData
from elmo_xlstm.tasks.data.user_data.settings import UserData
from elmo_xlstm.text.sources.files import format_suffix

Format = Literal["csv", "tsv", "jsonl"]
FORMATS: dict[str, Format] = {".csv": "csv", ".tsv": "tsv", ".tab": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
SEPARATORS = {"csv": ",", "tsv": "\t"}


class LabelledData(UserData):
    """Texts with labels; kinds of task name the columns."""

    @property
    def columns(self) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
        """Columns of texts and of labels."""
        raise NotImplementedError


class TextColumns(LabelledData):
    """One text and its label."""

    text: Column = "text"
    """Column of the text, by name or counted from 0 (-1 is the last)."""
    label: Column = "label"
    """Column of the label."""

    @property
    def columns(self) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
        """Columns of texts and of labels."""
        return (self.text,), (self.label,)


class PairColumns(LabelledData):
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


class AspectColumns(LabelledData):
    """One text and a label for each aspect."""

    text: Column = "text"
    """Column of the text, by name or counted from 0 (-1 is the last)."""
    aspects: Columns
    """Column of each aspect's label; it gives the aspect its name."""

    @property
    def columns(self) -> tuple[tuple[Column, ...], tuple[Column, ...]]:
        """Columns of texts and of labels."""
        return (self.text,), self.aspects

    @property
    def aspect_names(self) -> tuple[str, ...]:
        """Named as their columns."""
        return tuple(map(str, self.aspects))

    @model_validator(mode="after")
    def _aspects_are_distinct(self) -> AspectColumns:
        if len(set(map(str, self.aspects))) < len(self.aspects):
            raise ValueError("aspects: each column is named once")
        return self


class LabelledFiles(LabelledData, UserFiles):
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

    def reader(self) -> LabelledFileReader:
        """Reader of further files of the same form."""
        return LabelledFileReader(self)


class LabelledFileReader:
    """Reads files whose format is declared, or recognised by their ending.

    Args:
        config: names the columns.
    """

    def __init__(self, config: LabelledFiles) -> None:
        self.config = config

    def read(self, path: Path, labels: Collection[str] | None = None) -> Reading[LabelledText]:
        """Read one file; see :meth:`~elmo_xlstm.tasks.data.readers.table.TableReader.read`.

        Raises:
            UserError: also if its format is unknown.
        """
        config = self.config
        kind = config.format or _format_of(path)
        if kind == "jsonl":
            return _json_reader(config).read(path, labels)
        texts, targets = config.columns
        table = TableReader(
            text_columns=texts,
            label_columns=targets,
            label_names=config.label_names,
            separator=config.separator or SEPARATORS[kind],
            quoted=config.quoted,
            header=config.header,
            strict=config.strict,
        )
        return table.read(path, labels)


class LabelledHub(LabelledData, HubData):
    """A Hugging Face data set; kinds of task say which columns there are."""

    @property
    def read_columns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Columns of texts and of labels."""
        texts, targets = self.columns
        return tuple(map(str, texts)), tuple(map(str, targets))

    def example(self, row: Any, origin: str, labels: Collection[str] | None) -> LabelledText:
        """See :class:`~elmo_xlstm.tasks.data.user_data.hub.HubData`."""
        texts, targets = ({column: row[column] for column in columns} for columns in self.read_columns)
        return labelled_row(texts, targets, self.label_names, labels, origin)

    def reader(self) -> LabelledJsonReader:
        """Reader of JSON-lines files whose keys are named as the columns are."""
        return _json_reader(self)


@classification_datasets.register("files")
class ClassificationFiles(TextColumns, LabelledFiles):
    """CSV, TSV or JSON-lines files of texts that have one label each."""

    type: Literal["files"] = "files"


@classification_datasets.register("huggingface")
class ClassificationHub(TextColumns, LabelledHub):
    """A Hugging Face data set of texts that have one label each."""

    type: Literal["huggingface"] = "huggingface"


@aspect_datasets.register("files")
class AspectsFiles(AspectColumns, LabelledFiles):
    """CSV, TSV or JSON-lines files of texts with a label for each aspect."""

    type: Literal["files"] = "files"


@aspect_datasets.register("huggingface")
class AspectsHub(AspectColumns, LabelledHub):
    """A Hugging Face data set of texts with a label for each aspect."""

    type: Literal["huggingface"] = "huggingface"


@pair_datasets.register("files")
class PairsFiles(PairColumns, LabelledFiles):
    """CSV, TSV or JSON-lines files of pairs of texts that have one label each."""

    type: Literal["files"] = "files"


@pair_datasets.register("huggingface")
class PairsHub(PairColumns, LabelledHub):
    """A Hugging Face data set of pairs of texts that have one label each."""

    type: Literal["huggingface"] = "huggingface"


def _json_reader(config: LabelledData) -> LabelledJsonReader:
    texts, targets = (tuple(map(str, columns)) for columns in config.columns)
    return LabelledJsonReader(text_keys=texts, label_keys=targets, label_names=config.label_names, strict=config.strict)


def _format_of(path: Path) -> Format:
    """The format that a file's ending tells, whatever it is compressed by."""
    try:
        return FORMATS[format_suffix(path)]
    except KeyError:
        raise UserError(f"{path}: the ending tells no format; set format to csv, tsv or jsonl") from None
