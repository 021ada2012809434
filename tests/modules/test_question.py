from __future__ import annotations

import pytest
import torch

from elmo_xlstm.config import validate
from elmo_xlstm.modules import FeatureInputs, Question, QuestionCollator, QuestionTagger, Sentence, WordCollator
from elmo_xlstm.modules.question import LONGEST_RUN, QuestionAttention, nearness

LABELS = ("O", "B", "I")


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
        vocabularies = config.vocabularies([words for row in rows for words in row[:2]])
        torch.manual_seed(0)
        module = config.build(LABELS, FeatureInputs(vocabularies=vocabularies))
        return module, QuestionCollator(WordCollator(module.scheme, *vocabularies))

    return head


@pytest.fixture
def examples():
    """From rows to examples of the collator."""

    def examples(rows, tags=True):
        return [Question(Sentence(q), Sentence(p, t if tags else None)) for q, p, t in rows]

    return examples


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


def test_nearness_fades_with_the_distance_on_either_side() -> None:
    runs = torch.tensor([[0, 0, 2, 2, 0, 0], [9, 0, 0, 0, 0, 0], [0, 0, 0, 0, 0, 0]])
    here, before, after = nearness(runs).unbind(dim=-1)
    torch.testing.assert_close(here[:2, [0, 2]] * LONGEST_RUN, torch.tensor([[0.0, 2.0], [LONGEST_RUN, 0.0]]))
    assert before[0, :3].tolist() == [0, 0, 0] and before[0, 4] > before[0, 5] > 0
    assert after[0, 1] > after[0, 0] > 0 and after[0, 3:].tolist() == [0, 0, 0]
    torch.testing.assert_close(before[0, 3:], after[0, :3].flip(0))
    assert before[1, 1] > before[1, 5] > 0 and not after[1].any()
    assert not nearness(runs)[2].any()


def tags(module, collate, examples) -> list[list[str]]:
    module.eval()
    return [module.scheme.decode(ids) for ids in module.decode(collate(examples))]


def test_the_answer_follows_from_the_question(head, make_rows, examples) -> None:
    rows = make_rows(64, seed=1)
    module, collate = head(rows)
    optimizer = torch.optim.Adam(module.parameters(), 0.02)
    batch = collate(examples(rows))
    for _ in range(60):
        optimizer.zero_grad()
        loss = module.loss(batch)
        loss.backward()
        optimizer.step()
    new = make_rows(20, seed=2)
    assert tags(module, collate, examples(new, tags=False)) == [gold for *_, gold in new]
    (person, passage, _), (place, *_) = new[1], new[0]
    asked = [tags(module, collate, examples([(q, passage, None)], tags=False)) for q in (person, place)]
    assert asked[0] != asked[1]  # of the same passage


@pytest.mark.parametrize("nearness", [False, True])
def test_padding_and_the_rest_of_the_batch_do_not_matter(nearness, head, make_rows, examples) -> None:
    rows = make_rows(6, seed=1)
    rows[2] = (["apa"] * 9, ["kata"] * 30, ["O"] * 30)
    module, collate = head(rows, characters={"dim": 4, "filters": 4}, nearness=nearness)
    module.eval()
    together = module(collate(examples(rows)))
    losses = []
    for row, logits in zip(rows, together, strict=True):
        batch = collate(examples([row]))
        torch.testing.assert_close(module(batch)[0], logits[: len(row[1])], atol=1e-5, rtol=1e-5)
        losses.append(module.loss(batch))
    torch.testing.assert_close(module.loss(collate(examples(rows))), torch.stack(losses).mean())


@pytest.fixture
def silent(head, make_rows, examples):
    """A head that finds O best everywhere, with a hint of an answer at one word, and one that says so."""

    def make(**values):
        rows = make_rows(5, seed=1)
        module, collate = head(rows, **values)
        with torch.no_grad():
            for parameter in module.crf.parameters():
                parameter.zero_()
            module.projection.weight.mul_(0.1)
            module.projection.bias.copy_(torch.tensor([6.0, 0.0, 0.0]))
        return module.eval(), collate(examples(rows, tags=False))

    return make


def test_every_passage_gets_an_answer_where_that_is_wanted(silent) -> None:
    module, batch = silent(always_answer=False)
    assert {tag for ids in module.decode(batch) for tag in ids} == {0}
    module, batch = silent()
    paths = module.decode(batch)
    assert [ids.count(1) for ids in paths] == [1] * len(batch)
    begins = module.crf.marginals(module(batch), batch.passage.mask)[..., 1].argmax(dim=1).tolist()
    assert [ids.index(1) for ids in paths] == begins
    assert all(module.scheme.permits(ids) for ids in paths)


def test_answers_that_are_found_stay_as_they_are(head, make_rows, examples) -> None:
    rows = make_rows(8, seed=1)
    module, collate = head(rows)
    with torch.no_grad():
        module.projection.bias.copy_(torch.tensor([-3.0, 1.0, 0.0]))
    batch = collate(examples(rows, tags=False))
    module.eval()
    assert module.decode(batch) == module.crf.decode(module(batch), batch.passage.mask)


def test_parts_are_counted_and_tags_needed(head, make_rows, examples) -> None:
    rows = make_rows(4, seed=1)
    module, collate = head(rows, characters={"dim": 4, "filters": 4})
    counts = module.parameter_counts()
    assert sum(counts.values()) == sum(p.numel() for p in module.parameters())
    assert {"words", "characters", "encoder", "attention", "passage_encoder", "crf"} <= counts.keys()
    with pytest.raises(ValueError, match="no tags"):
        module.loss(collate(examples(rows, tags=False)))
