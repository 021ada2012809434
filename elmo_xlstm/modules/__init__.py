"""The modules that tasks are built from."""

from elmo_xlstm.modules.batch import WordBatch
from elmo_xlstm.modules.bilstm import BiLSTM
from elmo_xlstm.modules.char_cnn import CharCNN
from elmo_xlstm.modules.classifier import Classifier
from elmo_xlstm.modules.collate import Sentence, WordCollator
from elmo_xlstm.modules.crf import CRF
from elmo_xlstm.modules.features import Vocabularies, WordFeatures
from elmo_xlstm.modules.labelled import LabelCollator, LabelledBatch, LabelledExample
from elmo_xlstm.modules.pair import PairClassifier
from elmo_xlstm.modules.pooling import Pooling
from elmo_xlstm.modules.tag_scheme import TagScheme, repair_bio
from elmo_xlstm.modules.tagger import Tagger
from elmo_xlstm.modules.text_encoder import TextEncoder
from elmo_xlstm.modules.vocabulary import Vocabulary
from elmo_xlstm.modules.word_vectors import WordVectors

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
