"""A user's tagged sentences: column files, JSON lines and Hugging Face data sets."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import TaggedSentence
from elmo_xlstm.tasks.data.readers.conll import ConllReader
from elmo_xlstm.tasks.data.readers.json_lines import Key, TaggedJsonReader
from elmo_xlstm.tasks.data.readers.rows import tagged_row
from elmo_xlstm.tasks.data.registries import tagging_datasets
from elmo_xlstm.tasks.data.user_data.files import UserFiles
from elmo_xlstm.tasks.data.user_data.hub import HubData
from elmo_xlstm.tasks.data.user_data.settings import UserData


class TagOrder(UserData):
    """Tags in an order that people expect."""

    def order_labels(self, found: set[str]) -> tuple[str, ...]:
        """The tags found, and the B-X of every I-X, which further data may have; O first, then by type."""
        completed = found | {f"B{tag[1:]}" for tag in found if tag == "I" or tag.startswith("I-")}
        return tuple(sorted(completed, key=lambda tag: (tag != "O", tag.partition("-")[2], tag)))


@tagging_datasets.register("conll")
class ConllFiles(TagOrder, UserFiles):
    """Column files: a word and its tag on each line, a blank line after each sentence."""

    type: Literal["conll"] = "conll"
    format: ConllReader.Config = ConllReader.Config()
    """Columns and separator."""

    def reader(self) -> ConllReader:
        """Reader of further files of the same form."""
        if self.format.tag_column is None:
            raise UserError("task.dataset.format.tag_column: a data set to train on needs a column of tags")
        return self.format.build(self.strict, self.label_names)


@tagging_datasets.register("jsonl")
class TaggedJsonFiles(TagOrder, UserFiles):
    """JSON-lines files: a list of words and a list of as many tags in each line."""

    type: Literal["jsonl"] = "jsonl"
    words: Key = "words"
    """Key of the list of words."""
    tags: Key = "tags"
    """Key of the list of tags: texts, or numbers that ``label_names`` names."""

    def reader(self) -> TaggedJsonReader:
        """Reader of further files of the same form."""
        return _json_reader(self)


@tagging_datasets.register("huggingface")
class TaggedHub(TagOrder, HubData):
    """A Hugging Face data set with a list of words and a list of tags in each row."""

    type: Literal["huggingface"] = "huggingface"
    words: Key = "tokens"
    """Column of the lists of words."""
    tags: Key = "ner_tags"
    """Column of the lists of tags: texts, or numbers that the data set or ``label_names`` names."""

    @property
    def read_columns(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Columns of words and of tags."""
        return (self.words,), (self.tags,)

    def example(self, row: Any, origin: str, labels: Collection[str] | None) -> TaggedSentence:
        """See :class:`~elmo_xlstm.tasks.data.user_data.hub.HubData`."""
        columns = (self.words, self.tags)
        return tagged_row(row[self.words], row[self.tags], columns, self.label_names, labels, origin)

    def reader(self) -> TaggedJsonReader:
        """Reader of JSON-lines files whose keys are named as the columns are."""
        return _json_reader(self)


def _json_reader(config: TaggedJsonFiles | TaggedHub) -> TaggedJsonReader:
    return TaggedJsonReader(
        words_key=config.words, tags_key=config.tags, label_names=config.label_names, strict=config.strict
    )
