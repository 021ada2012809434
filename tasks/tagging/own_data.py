"""Data sets of one's own: sentences with a tag for each word."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Literal

from elmo_xlstm.errors import UserError
from tasks.indonlu.load import TaggingSplits
from tasks.own_data.hub import HubSplit, read_hub_split
from tasks.own_data.settings import OwnFiles, OwnHubData
from tasks.own_data.splits import OwnSplits, checksums, read_splits
from tasks.readers.conll import ConllReader
from tasks.readers.json_rows import Key, TaggedJsonReader
from tasks.readers.rows import tagged_row
from tasks.readers.sentence import TaggedSentence
from tasks.tagging.datasets import tagging_datasets


class TaggedFiles(OwnFiles):
    """Files of tagged sentences; each format says how they are read."""

    def load(self) -> TaggingSplits:
        """Read the files.

        Raises:
            UserError: lists everything that is wrong with them.
        """
        reader = self.reader()

        def read(path: Path, labels: Collection[str] | None) -> tuple[Sequence[TaggedSentence], int]:
            reading = reader.read(path, labels)
            return reading.sentences, reading.skipped

        splits = read_splits(self, read, order_tags)
        return _tagging(splits, checksums((self.train, self.valid, self.test)))

    def reader(self) -> Any:
        """Reads further files of the same form."""
        raise NotImplementedError


@tagging_datasets.register("conll")
class ConllFiles(TaggedFiles):
    """Column files: a word and its tag on each line, a blank line after each sentence."""

    type: Literal["conll"] = "conll"
    format: ConllReader.Config = ConllReader.Config()
    """Columns and separator."""

    def reader(self) -> ConllReader:
        """Reads further files of the same form."""
        if self.format.tag_column is None:
            raise UserError("task.dataset.format.tag_column: a data set to train on needs a column of tags")
        return self.format.build(self.strict, self.label_names)


@tagging_datasets.register("jsonl")
class TaggedJsonFiles(TaggedFiles):
    """JSON-lines files: a list of words and a list of as many tags in each line."""

    type: Literal["jsonl"] = "jsonl"
    words: Key = "words"
    """Key of the list of words."""
    tags: Key = "tags"
    """Key of the list of tags: texts, or numbers that ``label_names`` names."""

    def reader(self) -> TaggedJsonReader:
        """Reads further files of the same form."""
        config = TaggedJsonReader.Config(
            words_key=self.words, tags_key=self.tags, label_names=self.label_names, strict=self.strict
        )
        return config.build()


@tagging_datasets.register("huggingface")
class TaggedHub(OwnHubData):
    """A Hugging Face data set with a list of words and a list of tags in each row."""

    type: Literal["huggingface"] = "huggingface"
    words: Key = "tokens"
    """Column of the lists of words."""
    tags: Key = "ner_tags"
    """Column of the lists of tags: texts, or numbers that the data set or ``label_names`` names."""

    def load(self) -> TaggingSplits:
        """Read the splits.

        Raises:
            UserError: the data set cannot be had, or lists everything that is wrong with its rows.
        """
        columns = (self.words, self.tags)
        read: dict[str, HubSplit] = {}

        def get(split: str) -> HubSplit:
            if split not in read:
                read[split] = read_hub_split(self, split, columns, columns[1:])
            return read[split]

        def parse(split: str, labels: Collection[str] | None) -> tuple[Sequence[TaggedSentence], int]:
            def example(row: dict[str, Any], origin: str) -> TaggedSentence:
                return tagged_row(row[self.words], row[self.tags], columns, self.label_names, labels, origin)

            return get(split).parse(example, self.strict)

        declared = get(self.train).declared_labels(columns[1:], self.label_names)
        splits = read_splits(self, parse, order_tags, declared)
        return _tagging(splits, {split.shown: split.sha256 for split in read.values()})

    def reader(self) -> TaggedJsonReader:
        """Reads JSON-lines files whose keys are named as the columns are."""
        config = TaggedJsonReader.Config(
            words_key=self.words, tags_key=self.tags, label_names=self.label_names, strict=self.strict
        )
        return config.build()


def order_tags(found: set[str]) -> tuple[str, ...]:
    """The tags found, and the B-X of every I-X, which further data may have; O first, then by type."""
    completed = found | {f"B{tag[1:]}" for tag in found if tag == "I" or tag.startswith("I-")}
    return tuple(sorted(completed, key=lambda tag: (tag != "O", tag.partition("-")[2], tag)))


def _tagging(splits: OwnSplits[TaggedSentence], sha256: dict[str, str]) -> TaggingSplits:
    return TaggingSplits(splits.train, splits.valid, splits.test, splits.labels, sha256, splits.skipped)
