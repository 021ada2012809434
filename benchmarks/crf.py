"""The CRF against pytorch-crf: loss with its gradient, and decoding."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from benchmarks.results import Measurement, Result, make_result
from benchmarks.session import Session
from elmo_xlstm.modules.crf import CRF
from elmo_xlstm.modules.tag_scheme import TagScheme

OURS = "ours"
PYTORCH_CRF = "pytorch-crf"
BATCH = 32
LENGTHS = (10, 60)  # words of a sentence: shortest, longest
TAGS = (7, 11, 41)  # named entities of two kinds, and parts of speech


def both_crfs(tags: int) -> tuple[CRF, Any | None]:
    """Ours, and pytorch-crf's with the same random parameters if it is installed."""
    ours = CRF(TagScheme([f"T{index}" for index in range(tags)], "none"))
    with torch.no_grad():
        for parameter in ours.parameters():
            parameter.copy_(torch.randn_like(parameter))
    try:
        import torchcrf
    except ImportError:
        return ours, None
    theirs = torchcrf.CRF(tags, batch_first=True)
    theirs.load_state_dict(
        {"start_transitions": ours.start, "end_transitions": ours.end, "transitions": ours.transitions}
    )
    return ours, theirs


def measure_crf(session: Session) -> Result:
    """A batch of sentences of mixed length, by number of tags."""
    measurements, notes = [], []
    for tags in TAGS if session.size.name != "tiny" else TAGS[:1]:
        ours, theirs = both_crfs(tags)
        batch = BATCH if session.size.name != "tiny" else 2
        lengths = torch.randint(LENGTHS[0], LENGTHS[1] + 1, (batch,))
        mask = (torch.arange(LENGTHS[1]) < lengths.unsqueeze(1))[:, : int(lengths.max())].to(session.device)
        logits = torch.randn(*mask.shape, tags, device=session.device)
        gold = torch.randint(tags, mask.shape, device=session.device)
        ours.to(session.device)
        runs: dict[tuple[str, str], Callable[[], object]] = {
            (OURS, "loss and gradient"): partial(_backward, ours.loss, logits, gold, mask),
            (OURS, "decoding"): partial(ours.decode, logits, mask),
        }
        if theirs is not None:
            theirs.to(session.device)
            loss = partial(_their_loss, theirs)
            runs[PYTORCH_CRF, "loss and gradient"] = partial(_backward, loss, logits, gold, mask)
            runs[PYTORCH_CRF, "decoding"] = torch.no_grad()(partial(theirs.decode, logits, mask))
        samples = session.time(runs)
        measurements += [
            Measurement(
                contender=name,
                case={"what": what, "tags": tags},
                work={"sentences": float(batch)},
                values=samples.seconds[name, what],
            )
            for name, what in runs
        ]
    if theirs is None:
        notes.append("pytorch-crf is not installed (pip install '.[benchmarks]')")
    return make_result(session, "crf", PYTORCH_CRF, measurements, notes)


def _their_loss(crf: Any, logits: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
    loss: Tensor = -crf(logits, tags, mask, reduction="mean")
    return loss


def _backward(loss: Callable[[Tensor, Tensor, Tensor], Tensor], logits: Tensor, tags: Tensor, mask: Tensor) -> None:
    leaf = logits.detach().requires_grad_()
    loss(leaf, tags, mask).backward()
