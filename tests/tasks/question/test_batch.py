from __future__ import annotations

import torch

from elmo_xlstm.modules import Sentence, TagScheme, WordCollator
from tasks.question.batch import Question, QuestionCollator

COLLATE = QuestionCollator(WordCollator(TagScheme(("O", "B", "I"), "bio")))


def test_matches_are_words_of_the_question_in_any_casing() -> None:
    batch = COLLATE(
        [
            Question(Sentence(["Siapa", "Budi", "?"]), Sentence(["BUDI", "itu", "guru"])),
            Question(Sentence(["guru", "?"]), Sentence(["ya"])),
        ]
    )
    assert batch.matches.tolist() == [[True, False, False], [False, False, False]]
    assert batch.matches.dtype == torch.bool
    assert batch.question.mask.tolist() == [[True] * 3, [True, True, False]]
    assert batch.passage.mask.tolist() == [[True] * 3, [True, False, False]]
    assert len(batch) == 2 and batch.passage.tags is None
    assert batch.to("cpu").matches.tolist() == batch.matches.tolist()


def test_tags_are_the_passages() -> None:
    batch = COLLATE([Question(Sentence(["a"]), Sentence(["b", "c"], ["B", "I"]))])
    assert batch.passage.tags.tolist() == [[1, 2]] and batch.question.tags is None
