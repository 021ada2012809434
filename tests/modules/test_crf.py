import itertools

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from elmo_xlstm.modules.crf import CRF, DISALLOWED, TagProbabilities
from elmo_xlstm.modules.tag_scheme import TagScheme

SCHEMES = {
    "none": TagScheme(["X", "Y", "Z"], "none"),
    "bio": TagScheme(["O", "B-X", "I-X", "B-Y"], "bio"),
    "bioes": TagScheme(["O", "B", "I", "E", "S"], "bioes"),
}


def make_crf(name: str, seed: int, dtype: torch.dtype = torch.float64) -> CRF:
    generator = torch.Generator().manual_seed(seed)
    crf = CRF(SCHEMES[name]).to(dtype)
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=generator, dtype=dtype))
    return crf


def make_batch(crf: CRF, lengths: list[int], seed: int, scale: float = 2.0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    shape = (len(lengths), max(lengths), len(crf.start))
    logits = scale * torch.randn(shape, generator=generator, dtype=crf.start.dtype)
    return logits, torch.arange(shape[1]) < torch.tensor(lengths).unsqueeze(1)


def path_scores(crf: CRF, name: str, logits: Tensor) -> tuple[list[tuple[int, ...]], Tensor]:
    """Every path of one sentence (L, K) and its score, by the definition."""
    scheme = SCHEMES[name]
    paths = list(itertools.product(range(len(scheme)), repeat=len(logits)))
    scores = []
    for path in paths:
        score = crf.start[path[0]] if scheme.starts[path[0]] else torch.tensor(DISALLOWED)
        score = score + (crf.end[path[-1]] if scheme.ends[path[-1]] else DISALLOWED)
        score = score + sum(logits[t, tag] for t, tag in enumerate(path))
        for before, after in itertools.pairwise(path):
            score = score + (crf.transitions[before, after] if scheme.transitions[before, after] else DISALLOWED)
        scores.append(score)
    return paths, torch.stack(scores)


@pytest.mark.parametrize("name", SCHEMES)
def test_agrees_with_enumeration(name: str) -> None:
    crf = make_crf(name, seed=1)
    lengths = [4, 1, 3, 2]
    logits, mask = make_batch(crf, lengths, seed=2)
    tags = torch.randint(0, len(crf.start), mask.shape, generator=torch.Generator().manual_seed(3))
    expected_loss = torch.tensor(0.0, dtype=torch.float64)
    decoded, marginals = crf.decode(logits, mask), crf.marginals(logits, mask)
    for row, length in enumerate(lengths):
        paths, scores = path_scores(crf, name, logits[row, :length])
        gold = paths.index(tuple(tags[row, :length].tolist()))
        expected_loss = expected_loss + scores.logsumexp(0) - scores[gold]
        assert decoded[row] == list(paths[int(scores.argmax())])
        weights = scores.softmax(0)
        for t, tag in itertools.product(range(length), range(len(crf.start))):
            probability = sum(w for w, path in zip(weights, paths, strict=True) if path[t] == tag)
            torch.testing.assert_close(marginals[row, t, tag], torch.as_tensor(probability, dtype=torch.float64))
        assert (marginals[row, length:] == 0).all()
    torch.testing.assert_close(crf.loss(logits, tags, mask), expected_loss / len(lengths))
    torch.testing.assert_close(crf.loss(logits, tags, mask, "token"), expected_loss / sum(lengths))
    # The gradient written by hand is that of the enumeration.
    parameters = list(crf.parameters())
    by_hand = torch.autograd.grad(crf.loss(logits, tags, mask), parameters)
    by_enumeration = torch.autograd.grad(expected_loss / len(lengths), parameters)
    for got, wanted in zip(by_hand, by_enumeration, strict=True):
        torch.testing.assert_close(got, wanted, atol=1e-9, rtol=1e-6)


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("lengths", [[3, 1, 4], [1, 1]])
def test_gradients(name: str, lengths: list[int]) -> None:
    crf = make_crf(name, seed=4)
    logits, mask = make_batch(crf, lengths, seed=5)
    tags = torch.zeros(mask.shape, dtype=torch.long)

    def loss(x: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
        parameters = {"transitions": transitions, "start": start, "end": end}
        return torch.func.functional_call(_Loss(crf), {f"crf.{k}": v for k, v in parameters.items()}, (x, tags, mask))

    inputs = (logits.requires_grad_(), *(p.detach().clone().requires_grad_() for p in crf.parameters()))
    assert torch.autograd.gradcheck(loss, inputs)


class _Loss(torch.nn.Module):
    def __init__(self, crf: CRF) -> None:
        super().__init__()
        self.crf = crf

    def forward(self, logits: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        return self.crf.loss(logits, tags, mask)


def test_neither_batch_nor_padding_matters() -> None:
    crf = make_crf("bio", seed=6)
    lengths = [5, 2, 3]
    logits, mask = make_batch(crf, lengths, seed=7)
    tags = torch.zeros(mask.shape, dtype=torch.long)
    together, decoded, marginals = crf.loss(logits, tags, mask), crf.decode(logits, mask), crf.marginals(logits, mask)
    alone = []
    for row, length in enumerate(lengths):
        one = logits[row : row + 1, :length], mask[row : row + 1, :length]
        alone.append(crf.loss(one[0], tags[row : row + 1, :length], one[1]))
        assert crf.decode(*one) == [decoded[row]]
        torch.testing.assert_close(crf.marginals(*one)[0], marginals[row, :length])
    torch.testing.assert_close(together, torch.stack(alone).mean())
    # Whatever stands at padding, however much of it there is.
    wide = torch.cat([logits.masked_fill(~mask.unsqueeze(-1), float("nan")), torch.full((3, 4, 4), torch.inf)], dim=1)
    wide.requires_grad_()
    wide_mask = torch.cat([mask, torch.zeros(3, 4, dtype=torch.bool)], dim=1)
    loss = crf.loss(wide, torch.full((3, 9), -100).masked_fill(wide_mask, 0), wide_mask)
    torch.testing.assert_close(loss, together)
    loss.backward()
    assert wide.grad is not None and torch.isfinite(wide.grad).all() and (wide.grad[~wide_mask] == 0).all()
    assert crf.decode(wide, wide_mask) == decoded
    torch.testing.assert_close(crf.marginals(wide, wide_mask)[:, :5], marginals)


@settings(max_examples=40, deadline=None)
@given(
    name=st.sampled_from(sorted(SCHEMES)),
    lengths=st.lists(st.integers(1, 7), min_size=1, max_size=4),
    seed=st.integers(0, 10_000),
    scale=st.sampled_from([0.0, 1.0, 30.0, 500.0]),
)
def test_invariants(name: str, lengths: list[int], seed: int, scale: float) -> None:
    crf = make_crf(name, seed, torch.float32)
    logits, mask = make_batch(crf, lengths, seed, scale)
    decoded = crf.decode(logits, mask)
    assert [len(path) for path in decoded] == lengths
    assert all(SCHEMES[name].permits(path) for path in decoded)
    marginals = crf.marginals(logits, mask)
    assert (marginals >= 0).all()
    torch.testing.assert_close(marginals.sum(-1), mask.float(), atol=2e-3, rtol=0)
    # The best path is the likeliest: no sampled path costs less.
    best = torch.zeros(mask.shape, dtype=torch.long)
    for row, path in enumerate(decoded):
        best[row, : len(path)] = torch.tensor(path)
    other = torch.randint(0, len(crf.start), mask.shape, generator=torch.Generator().manual_seed(seed))
    lowest, loss = crf.loss(logits, best, mask), crf.loss(logits, other, mask)
    assert torch.isfinite(loss) and lowest >= -1e-2
    assert lowest <= loss + 1e-2


def test_a_path_forced_by_extreme_logits_keeps_its_probability() -> None:
    # Two paths of equal score, one through a word where another tag leads by far: nothing may underflow.
    crf = CRF(TagScheme(["O", "B", "I"], "bio"))
    logits = torch.tensor([[[300.0, 0.0, 0.0], [0.0, 0.0, 300.0]]])
    mask = torch.ones(1, 2, dtype=torch.bool)
    marginals = crf.marginals(logits, mask)
    # O O and O B and B I have scores 300, 300 and 300.
    expected = torch.tensor([[[2 / 3, 1 / 3, 0.0], [1 / 3, 1 / 3, 1 / 3]]])
    torch.testing.assert_close(marginals, expected, atol=1e-4, rtol=0)


def test_gold_that_breaks_the_scheme_costs_much_but_is_finite() -> None:
    crf = make_crf("bio", seed=8, dtype=torch.float32)
    logits, mask = make_batch(crf, [3], seed=9)
    logits.requires_grad_()
    loss = crf.loss(logits, torch.tensor([[0, 2, 0]]), mask)
    loss.backward()
    assert 0.9e4 < loss.item() < 1.1e4
    assert logits.grad is not None and torch.isfinite(logits.grad).all()


def test_float32_under_autocast() -> None:
    crf = make_crf("bio", seed=10, dtype=torch.float32)
    logits, mask = make_batch(crf, [30, 12], seed=11)
    tags = torch.zeros(mask.shape, dtype=torch.long)
    logits = logits.bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss, marginals = crf.loss(logits, tags, mask), crf.marginals(logits, mask)
    assert loss.dtype == marginals.dtype == torch.float32
    torch.testing.assert_close(loss, crf.loss(logits.float(), tags, mask))


def test_no_gradient_is_computed_for_forbidden_transitions() -> None:
    crf = make_crf("bio", seed=12, dtype=torch.float32)
    logits, mask = make_batch(crf, [4, 2], seed=13)
    crf.loss(logits, torch.zeros(mask.shape, dtype=torch.long), mask).backward()
    scheme = SCHEMES["bio"]
    assert crf.transitions.grad is not None and crf.start.grad is not None
    assert (crf.transitions.grad[~scheme.transitions] == 0).all()
    assert (crf.transitions.grad[scheme.transitions] != 0).any()
    assert (crf.start.grad[~scheme.starts] == 0).all()


def test_wrong_input_is_refused() -> None:
    crf = make_crf("bio", seed=14)
    logits, mask = make_batch(crf, [3, 2], seed=15)
    tags = torch.zeros(mask.shape, dtype=torch.long)
    with pytest.raises(ValueError, match="logits are"):
        crf.decode(logits[..., :3], mask)
    with pytest.raises(ValueError, match="logits are"):
        crf.marginals(logits, mask[:, :2])
    with pytest.raises(ValueError, match="differ in shape"):
        crf.loss(logits, tags[:, :2], mask)
    with pytest.raises(ValueError, match="tag id is outside"):
        crf.loss(logits, tags + 4, mask)
    with pytest.raises(ValueError, match="padding before"):
        crf.loss(logits, tags, mask.flip(1))
    with pytest.raises(ValueError, match="no words"):
        crf.decode(logits, mask & torch.tensor([[True], [False]]))


@pytest.mark.parametrize("name", SCHEMES)
def test_runs_of_tags_are_as_probable_as_all_sequences_that_hold_them(name: str) -> None:
    crf = make_crf(name, seed=4)
    lengths = [5, 2, 4]
    logits, mask = make_batch(crf, lengths, seed=5)
    found = crf.probabilities(logits, mask)
    for row, ids in enumerate(crf.decode(logits, mask)):
        paths, scores = path_scores(crf, name, logits[row, : lengths[row]])
        shares = scores.softmax(0).tolist()
        assert found.of_tags(row, ids) == pytest.approx(
            [
                sum(share for path, share in zip(paths, shares, strict=True) if path[t] == tag)
                for t, tag in enumerate(ids)
            ]
        )
        for first, stop in itertools.combinations(range(len(ids) + 1), 2):
            run = tuple(ids[first:stop])
            holding = [(path, share) for path, share in zip(paths, shares, strict=True) if path[first:stop] == run]
            assert found.of_run(row, first, run) == pytest.approx(sum(share for _, share in holding))
            for but in range(len(crf.start)):
                expected = sum(share for path, share in holding if path[stop : stop + 1] != (but,))
                assert found.of_run(row, first, run, but) == pytest.approx(expected, abs=1e-12)


def test_independent_tags_multiply() -> None:
    words = torch.tensor([[[0.9, 0.1], [0.4, 0.6], [0.0, 0.0]]])
    found = TagProbabilities(words)
    assert found.of_run(0, 0, [0, 1]) == pytest.approx(0.54)
    assert found.of_run(0, 0, [0], but=1) == pytest.approx(0.9 * 0.4)
    assert found.of_run(0, 0, [0, 1], but=1) == pytest.approx(0.54)  # padding follows
