"""The modules that tasks are built from."""

from elmo_xlstm.heads.batch import WordBatch
from elmo_xlstm.heads.bilstm import BiLSTM
from elmo_xlstm.heads.char_cnn import CharCNN
from elmo_xlstm.heads.classifier import Classifier
from elmo_xlstm.heads.collate import Sentence, WordCollator
from elmo_xlstm.heads.crf import CRF
from elmo_xlstm.heads.features import Vocabularies, WordFeatures
from elmo_xlstm.heads.labelled import LabelCollator, LabelledBatch, LabelledExample
from elmo_xlstm.heads.pair import PairClassifier
from elmo_xlstm.heads.pooling import Pooling
from elmo_xlstm.heads.tag_scheme import TagScheme, repair_bio
from elmo_xlstm.heads.tagger import Tagger
from elmo_xlstm.heads.text_encoder import TextEncoder
from elmo_xlstm.heads.vocabulary import Vocabulary
from elmo_xlstm.heads.word_vectors import WordVectors

__all__ = [
    "BiLSTM",
    "CRF",
    "CharCNN",
    "Classifier",
    "LabelCollator",
    "LabelledBatch",
    "LabelledExample",
    "PairClassifier",
    "Pooling",
    "Sentence",
    "TagScheme",
    "Tagger",
    "TextEncoder",
    "Vocabularies",
    "Vocabulary",
    "WordBatch",
    "WordCollator",
    "WordFeatures",
    "WordVectors",
    "repair_bio",
]
