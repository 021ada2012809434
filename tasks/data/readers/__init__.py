"""Readers: from a file to examples, every problem named by file and line."""

from elmo_xlstm.tasks.data.readers.conll import ConllReader
from elmo_xlstm.tasks.data.readers.json_lines import LabelledJsonReader, TaggedJsonReader
from elmo_xlstm.tasks.data.readers.new_text import read_sentences
from elmo_xlstm.tasks.data.readers.questions import QuestionReader
from elmo_xlstm.tasks.data.readers.table import TableReader

__all__ = [
    "ConllReader",
    "LabelledJsonReader",
    "QuestionReader",
    "TableReader",
    "TaggedJsonReader",
    "read_sentences",
]
