"""Readers: from a file to examples, every problem named by file and line."""

from tasks.data.readers.conll import ConllReader
from tasks.data.readers.json_lines import LabelledJsonReader, TaggedJsonReader
from tasks.data.readers.new_text import read_sentences
from tasks.data.readers.questions import QuestionReader
from tasks.data.readers.table import TableReader

__all__ = [
    "ConllReader",
    "LabelledJsonReader",
    "QuestionReader",
    "TableReader",
    "TaggedJsonReader",
    "read_sentences",
]
