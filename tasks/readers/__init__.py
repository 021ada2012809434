"""Readers: from a file to examples, every problem named by file and line."""

from tasks.readers.conll import ConllReader
from tasks.readers.predict_input import read_predict_input
from tasks.readers.sentence import Reading, TaggedSentence

__all__ = ["ConllReader", "Reading", "TaggedSentence", "read_predict_input"]
