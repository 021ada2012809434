"""The modules that tasks are built from: word features, encoders, pooling, CRF, and the heads."""

from elmo_xlstm.modules.batches import (
    LabelCollator,
    LabelledBatch,
    LabelledExample,
    Question,
    QuestionBatch,
    QuestionCollator,
    Sentence,
    WordBatch,
    WordCollator,
)
from elmo_xlstm.modules.char_cnn import CharCNN
from elmo_xlstm.modules.classifier import Classifier
from elmo_xlstm.modules.crf import CRF, TagProbabilities
from elmo_xlstm.modules.encoders import BiLSTM, Encoder, encoders
from elmo_xlstm.modules.features import FeatureInputs, Vocabularies, WordFeatures
from elmo_xlstm.modules.head import Head, TextEncoder
from elmo_xlstm.modules.pair import PairClassifier
from elmo_xlstm.modules.pooling import Pooling
from elmo_xlstm.modules.question import QuestionTagger
from elmo_xlstm.modules.tag_scheme import SchemeName, TagScheme, repair_bio
from elmo_xlstm.modules.tagger import Tagger
from elmo_xlstm.modules.vocabulary import Vocabulary
from elmo_xlstm.modules.word_vectors import WordVectors

__all__ = [
    "BiLSTM",
    "CRF",
    "CharCNN",
    "Classifier",
    "Encoder",
    "FeatureInputs",
    "Head",
    "LabelCollator",
    "LabelledBatch",
    "LabelledExample",
    "PairClassifier",
    "Pooling",
    "Question",
    "QuestionBatch",
    "QuestionCollator",
    "QuestionTagger",
    "SchemeName",
    "Sentence",
    "TagProbabilities",
    "TagScheme",
    "Tagger",
    "TextEncoder",
    "Vocabularies",
    "Vocabulary",
    "WordBatch",
    "WordCollator",
    "WordFeatures",
    "WordVectors",
    "encoders",
    "repair_bio",
]
