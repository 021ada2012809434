from __future__ import annotations

import torch

from tasks.question.attention import QuestionAttention


def test_similarity_is_trilinear() -> None:
    torch.manual_seed(0)
    attention = QuestionAttention(4)
    passage, question = torch.randn(2, 3, 4), torch.randn(2, 5, 4)
    mask = torch.tensor([[True] * 5, [True, True, False, False, False]])
    w = torch.cat([attention.passage.weight[0], attention.question.weight[0], attention.product])
    attended = attention(passage, question, mask)
    for row in range(2):
        for word in range(3):
            p, questions = passage[row, word], question[row][mask[row]]
            weights = torch.stack([w @ torch.cat([p, q, p * q]) for q in questions]).softmax(0)
            torch.testing.assert_close(attended[row, word], weights @ questions)


def test_padding_of_the_question_does_not_matter() -> None:
    torch.manual_seed(0)
    attention = QuestionAttention(4)
    passage, question = torch.randn(1, 3, 4), torch.randn(1, 2, 4)
    padded = torch.cat([question, torch.full((1, 3, 4), 1e4)], dim=1)
    mask = torch.tensor([[True, True, False, False, False]])
    torch.testing.assert_close(attention(passage, padded, mask), attention(passage, question, mask[:, :2]))
