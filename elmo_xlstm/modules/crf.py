"""Linear-chain conditional random field with constrained transitions.

Scores of a tag sequence y for a sentence with emission scores x (Lafferty et al. 2001; Lample et al. 2016, sec. 2.2):

    s(y) = start[y_1] + Σ_t x[t, y_t] + Σ_t transitions[y_t, y_t+1] + end[y_L]

The recursions run without autograd, because the gradient is known: the marginals minus the gold counts. Tensors inside
them are (…, K, B): reductions over tags then run along contiguous memory, several times faster than (B, K).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from elmo_xlstm.modules.batches import sentence_lengths
from elmo_xlstm.modules.tag_scheme import TagScheme

DISALLOWED = -1e4  # finite, so that a gold sequence that breaks the scheme costs much without an infinite loss


class CRF(nn.Module):
    """Scores whole tag sequences; sequences that the tag scheme forbids get practically no probability.

    Everything is computed in float32 (float64 if the logits are), whatever autocast says.

    Args:
        scheme: labels and which may follow which.

    Attributes:
        transitions: (K, K) learned scores of tag j after tag i.
        start: (K,) learned scores of a first tag.
        end: (K,) learned scores of a last tag.
    """

    _transitions_allowed: Tensor
    _starts_allowed: Tensor
    _ends_allowed: Tensor

    def __init__(self, scheme: TagScheme) -> None:
        super().__init__()
        size = len(scheme)
        self.transitions = nn.Parameter(torch.zeros(size, size))
        self.start = nn.Parameter(torch.zeros(size))
        self.end = nn.Parameter(torch.zeros(size))
        self.register_buffer("_transitions_allowed", scheme.transitions.clone(), persistent=False)
        self.register_buffer("_starts_allowed", scheme.starts.clone(), persistent=False)
        self.register_buffer("_ends_allowed", scheme.ends.clone(), persistent=False)

    def loss(
        self, logits: Tensor, tags: Tensor, mask: Tensor, reduction: Literal["sentence", "token"] = "sentence"
    ) -> Tensor:
        """Negative log-likelihood of the gold tags.

        Args:
            logits: (B, L, K) emission scores.
            tags: (B, L) int64 gold tag ids; anything at padding.
            mask: (B, L) bool, right-padded.
            reduction: the mean over sentences, or the sum over sentences divided by the number of words.

        Returns:
            Scalar, in nats.

        Raises:
            ValueError: shapes disagree, a mask is not right-padded, a sentence is empty, or a tag id is out of range.
        """
        lengths = self._check(logits, mask)
        if tags.shape != mask.shape:
            raise ValueError(f"tags {tuple(tags.shape)} and mask {tuple(mask.shape)} differ in shape")
        tags = tags.masked_fill(~mask, 0)
        if bool(((tags < 0) | (tags >= logits.shape[-1])).any()):
            raise ValueError(f"a tag id is outside 0 … {logits.shape[-1] - 1}")
        with torch.autocast(logits.device.type, enabled=False):
            costs = _NegativeLogLikelihood.apply(*self._scores(logits, mask), tags, mask, lengths)  # (B,)
            mean: Tensor = costs.sum() / (len(costs) if reduction == "sentence" else lengths.sum())
            return mean

    @torch.no_grad()
    def decode(self, logits: Tensor, mask: Tensor) -> list[list[int]]:
        """The best tag sequence of each sentence (Viterbi).

        Args:
            logits: (B, L, K) emission scores.
            mask: (B, L) bool, right-padded.

        Returns:
            For each sentence one tag id per word.

        Raises:
            ValueError: shapes disagree, a mask is not right-padded, or a sentence is empty.
        """
        lengths = self._check(logits, mask)
        with torch.autocast(logits.device.type, enabled=False):
            emissions, transitions, start, end = self._scores(logits, mask)
            paths = _viterbi(emissions, transitions, start, end, lengths)  # (L, B)
        return [path[:length] for path, length in zip(paths.T.tolist(), lengths.tolist(), strict=True)]

    @torch.no_grad()
    def marginals(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Probability of each tag at each word, over all tag sequences.

        Args:
            logits: (B, L, K) emission scores.
            mask: (B, L) bool, right-padded.

        Returns:
            (B, L, K); rows sum to one at words and are zero at padding.

        Raises:
            ValueError: shapes disagree, a mask is not right-padded, or a sentence is empty.
        """
        lengths = self._check(logits, mask)
        with torch.autocast(logits.device.type, enabled=False):
            _, unary, _, _ = _forward_backward(*self._scores(logits, mask), lengths, with_marginals=True)
        return unary.permute(2, 0, 1).contiguous()

    @torch.no_grad()
    def probabilities(self, logits: Tensor, mask: Tensor) -> TagProbabilities:
        """Probabilities of tags and of runs of tags, over all tag sequences; see :meth:`marginals` for errors."""
        lengths = self._check(logits, mask)
        with torch.autocast(logits.device.type, enabled=False):
            _, unary, _, steps = _forward_backward(*self._scores(logits, mask), lengths, with_marginals=True)
        return TagProbabilities(unary.permute(2, 0, 1).contiguous().cpu(), steps.cpu())

    def _check(self, logits: Tensor, mask: Tensor) -> Tensor:
        size = len(self.start)
        if logits.dim() != 3 or logits.shape[:2] != mask.shape or logits.shape[2] != size:
            raise ValueError(
                f"logits are (batch, length, {size}) and mask (batch, length), not {tuple(logits.shape)} and "
                f"{tuple(mask.shape)}"
            )
        return sentence_lengths(mask)

    def _scores(self, logits: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Emissions (L, K, B), transitions (K, K), start (K,) and end (K,), all of one dtype."""
        dtype = torch.float64 if logits.dtype == torch.float64 else torch.float32
        emissions = logits.to(dtype).masked_fill(~mask.unsqueeze(-1), 0.0)  # padding may hold anything
        return emissions.permute(1, 2, 0).contiguous(), *self.scores(dtype)

    def scores(self, dtype: torch.dtype = torch.float32) -> tuple[Tensor, Tensor, Tensor]:
        """Transitions (K, K), start (K,) and end (K,), as they are used: what the scheme forbids costs much."""
        return (
            self.transitions.to(dtype).masked_fill(~self._transitions_allowed, DISALLOWED),
            self.start.to(dtype).masked_fill(~self._starts_allowed, DISALLOWED),
            self.end.to(dtype).masked_fill(~self._ends_allowed, DISALLOWED),
        )


@dataclass(frozen=True)
class TagProbabilities:
    """How probable tags are at the words of a batch.

    Attributes:
        words: (B, L, K), of each tag at each word; zero at padding.
        steps: (L, K, K, B), of each pair of tags at a word and the one before it; None where tags are independent.
    """

    words: Tensor
    steps: Tensor | None = None

    def of_tags(self, sentence: int, ids: Sequence[int]) -> list[float]:
        """The probability of each word's tag."""
        words = self.words[sentence, torch.arange(len(ids)), torch.tensor(ids, dtype=torch.long)]
        return [min(1.0, value) for value in words.tolist()]

    def of_run(self, sentence: int, first: int, ids: Sequence[int], but: int | None = None) -> float:
        """The probability that words have these tags, summed over the tags of all other words.

        The chain rule gives it from the marginals: p(y_i) Π p(y_t-1, y_t) / p(y_t-1).

        Args:
            sentence: which of the batch.
            first: place of the first word.
            ids: of the tags of the words from there on.
            but: a tag that the word after them does not have: of a longer span.
        """
        probability = self.words[sentence, first, ids[0]].item()
        for place, (before, tag) in enumerate(zip(ids, ids[1:], strict=False), start=first + 1):
            probability *= self._given(sentence, place, before, tag)
        after = first + len(ids)
        if but is not None and after < self.words.shape[1]:
            probability *= 1.0 - self._given(sentence, after, ids[-1], but)
        return min(1.0, max(0.0, probability))

    def _given(self, sentence: int, place: int, before: int, tag: int) -> float:
        """The probability of a word's tag, given that of the word before it."""
        if self.steps is None:
            return self.words[sentence, place, tag].item()
        of_before = self.words[sentence, place - 1, before].item()
        return min(1.0, self.steps[place, before, tag, sentence].item() / of_before) if of_before > 0 else 0.0


class _NegativeLogLikelihood(torch.autograd.Function):
    """log Z − s(gold) per sentence, with its closed-form gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Tensor,
        transitions: Tensor,
        start: Tensor,
        end: Tensor,
        tags: Tensor,
        mask: Tensor,
        lengths: Tensor,
    ) -> Tensor:
        """(L, K, B), (K, K), (K,), (K,), (B, L), (B, L), (B,) → (B,)."""
        with_gradient = any(ctx.needs_input_grad)
        log_z, unary, pairs, _ = _forward_backward(emissions, transitions, start, end, lengths, with_gradient)
        gold, inside = tags.T, mask.T  # (L, B)
        last = (lengths - 1).unsqueeze(0)  # (1, B)
        gold_last = gold.gather(0, last)[0]  # (B,)
        words = emissions.gather(1, gold.unsqueeze(1)).squeeze(1)  # (L, B), zero at padding
        steps = transitions[gold[:-1], gold[1:]] * inside[1:]  # (L-1, B)
        score = words.sum(0) + steps.sum(0) + start[gold[0]] + end[gold_last]
        if with_gradient:
            size, batch = emissions.shape[1:]
            first = unary[0].clone()  # (K, B)
            final = unary.gather(0, last.unsqueeze(1).expand(1, size, batch))[0].clone()  # (K, B)
            counts = torch.zeros_like(pairs).flatten()
            where = (gold[:-1] * size + gold[1:]) * batch + torch.arange(batch, device=gold.device)
            counts.scatter_add_(0, where.flatten(), inside[1:].to(counts.dtype).flatten())
            minus_one = -inside.to(unary.dtype)
            ctx.save_for_backward(
                unary.scatter_add_(1, gold.unsqueeze(1), minus_one.unsqueeze(1)),
                pairs.sub_(counts.view_as(pairs)),
                first.scatter_add_(0, gold[:1], minus_one[:1]),
                final.scatter_add_(0, gold_last.unsqueeze(0), minus_one[:1]),
            )
        return log_z - score

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        """Marginals minus gold counts, weighted by each sentence's incoming gradient (B,)."""
        (weight,) = gradients
        unary, pairs, first, final = ctx.saved_tensors
        return unary * weight, pairs @ weight, first @ weight, final @ weight, None, None, None


def _forward_backward(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor, with_marginals: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Log partition function (B,), unary marginals (L, K, B), pair marginals summed over steps, (K, K, B), and of each.

    The last, (L, K, K, B), are from the word before to each word; those of the first have no meaning.

    The forward recursion stays in log space. Its terms over their total are p(tag before | tag, words so far); going
    back, a product with them gives the marginals without another exponential and without underflow.
    """
    length, size, batch = emissions.shape
    spread = transitions.unsqueeze(-1).contiguous()  # (K, K, 1): from, to
    alpha = emissions.clone()  # (L, K, B): log of the summed scores of all paths that end in each tag
    alpha[0] += start.unsqueeze(-1)
    before = emissions.new_empty(length if with_marginals else 1, size, size, batch)  # row t is about step t-1 → t
    totals = torch.empty_like(emissions)
    for t in range(1, length):
        terms = before[t if with_marginals else 0]
        torch.add(alpha[t - 1].unsqueeze(1), spread, out=terms)
        highest = terms.amax(0)  # (K, B)
        torch.sum(terms.sub_(highest).exp_(), 0, out=totals[t])  # at least 1, the highest term's share
        alpha[t].add_(highest.add_(totals[t].log()))
    last = (lengths - 1).view(1, 1, batch).expand(1, size, batch)
    final = alpha.gather(0, last)[0] + end.unsqueeze(-1)  # (K, B)
    log_z = final.logsumexp(0)
    unary = torch.zeros_like(emissions)
    pairs = emissions.new_zeros(size, size, batch)
    if with_marginals:
        unary.scatter_(0, last, (final - log_z).exp_().unsqueeze(0))  # each sentence enters at its last word
        for t in range(length - 1, 0, -1):
            terms = before[t].mul_(unary[t] / totals[t])
            pairs.add_(terms)
            unary[t - 1].add_(terms.sum(1))
    return log_z, unary, pairs, before


def _viterbi(emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor, lengths: Tensor) -> Tensor:
    """Best paths (L, B); values after a sentence's last word have no meaning."""
    length, size, batch = emissions.shape
    spread = transitions.unsqueeze(-1).contiguous()  # (K, K, 1): from, to
    best = emissions.clone()  # (L, K, B): score of the best path that ends in each tag
    best[0] += start.unsqueeze(-1)
    for t in range(1, length):
        best[t].add_((best[t - 1].unsqueeze(1) + spread).amax(0))
    last = lengths - 1
    final = best.gather(0, last.view(1, 1, batch).expand(1, size, batch))[0] + end.unsqueeze(-1)  # (K, B)
    final_tags = final.argmax(0)  # (B,)
    paths = final_tags.repeat(length, 1)  # (L, B)
    ends_here = torch.arange(length, device=last.device).unsqueeze(1) == last  # (L, B)
    tags = final_tags
    for t in range(length - 2, -1, -1):
        # The way back is found for the chosen tag alone: (K, B) scores rather than (K, K, B) pointers.
        back = (best[t] + transitions[:, tags]).argmax(0)
        tags = torch.where(ends_here[t], final_tags, back)
        paths[t] = tags
    return paths
