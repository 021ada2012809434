from __future__ import annotations

import pytest
import torch


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


def test_padding_and_the_rest_of_the_batch_do_not_matter(head, make_rows, examples) -> None:
    rows = make_rows(6, seed=1)
    rows[2] = (["apa"] * 9, ["kata"] * 30, ["O"] * 30)
    module, collate = head(rows, characters={"dim": 4, "filters": 4})
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
