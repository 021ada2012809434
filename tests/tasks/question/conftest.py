"""Questions on short passages, and a head that reads them."""

from __future__ import annotations

import random

import pytest
import torch

from elmo_xlstm.config import validate
from elmo_xlstm.modules import Sentence, WordCollator
from tasks.question.batch import Question, QuestionCollator
from tasks.question.tagger import QuestionTagger

LABELS = ("O", "B", "I")
NAMES = ["budi utomo", "siti", "joko susilo", "rina"]
PLACES = ["bogor", "kota batu", "medan", "solo"]


def make_questions(count: int, seed: int) -> list[tuple[list[str], list[str], list[str]]]:
    """Question, passage and tags: who went, or where to; only the question tells which."""
    generator = random.Random(seed)
    rows = []
    for number in range(count):
        name, place = generator.choice(NAMES).split(), generator.choice(PLACES).split()
        asked, other = (name, place) if number % 2 else (place, name)
        question = ["siapa", "pergi", "?"] if number % 2 else ["ke", "mana", "?"]
        passage = ["kemarin", *name, "pergi", "ke", *place, "."]
        start = 1 if number % 2 else 3 + len(other)
        tags = ["O"] * len(passage)
        tags[start : start + len(asked)] = ["B", *["I"] * (len(asked) - 1)]
        rows.append((question, passage, tags))
    return rows


@pytest.fixture(scope="session")
def make_rows():
    """Makes questions with passages and tags; see ``make_questions``."""
    return make_questions


@pytest.fixture
def head():
    """Makes a head and a collator for some questions."""

    def head(rows, **values):
        config = validate(
            QuestionTagger.Config,
            {
                "words": {"dim": 16, "word_dropout": 0.0},
                "encoder": {"hidden_size": 12, "output_dropout": 0.0},
                "passage_encoder": {"hidden_size": 12, "output_dropout": 0.0},
                "dropout": 0.0,
                **values,
            },
        )
        words, characters = config.vocabularies(
            [words for question, passage, _ in rows for words in (question, passage)]
        )
        torch.manual_seed(0)
        module = config.build(LABELS, words=words, characters=characters)
        return module, QuestionCollator(WordCollator(module.scheme, words, characters))

    return head


@pytest.fixture
def examples():
    """From rows to examples of the collator."""

    def examples(rows, tags=True):
        return [Question(Sentence(q), Sentence(p, t if tags else None)) for q, p, t in rows]

    return examples
