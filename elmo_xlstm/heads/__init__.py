"""The modules that tasks are built from."""

from elmo_xlstm.heads.batch import WordBatch
from elmo_xlstm.heads.bilstm import BiLSTM
from elmo_xlstm.heads.char_cnn import CharCNN
from elmo_xlstm.heads.collate import Sentence, WordCollator
from elmo_xlstm.heads.crf import CRF
from elmo_xlstm.heads.tag_scheme import TagScheme, repair_bio
from elmo_xlstm.heads.tagger import Tagger
from elmo_xlstm.heads.vocabulary import Vocabulary
from elmo_xlstm.heads.word_vectors import WordVectors

__all__ = [
    "CRF",
    "BiLSTM",
    "CharCNN",
    "Sentence",
    "TagScheme",
    "Tagger",
    "Vocabulary",
    "WordBatch",
    "WordCollator",
    "WordVectors",
    "repair_bio",
]
