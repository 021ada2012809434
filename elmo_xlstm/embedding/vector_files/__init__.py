"""Files of vectors of many texts: written in parts that survive a kill, then put together."""

from elmo_xlstm.embedding.vector_files.formats import FORMATS
from elmo_xlstm.embedding.vector_files.parts import TextRow
from elmo_xlstm.embedding.vector_files.writing import VectorSettings, write_vectors

__all__ = ["FORMATS", "TextRow", "VectorSettings", "write_vectors"]
