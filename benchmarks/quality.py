"""What the ways to train a soft-max cost, and how good a model each makes of the same text."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor

from benchmarks.contenders import Contender
from benchmarks.results import Measurement, Result, make_result
from benchmarks.sentences import SAMPLE
from benchmarks.session import Session
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.configuration import training_flops_per_token
from elmo_xlstm.lm.losses import AdaptiveSoftmax, FullSoftmax, SampledSoftmax, SoftmaxLossSettings
from elmo_xlstm.lm.optimization import OptimizerSettings, ScheduleSettings
from elmo_xlstm.lm.scoring import validate_model
from elmo_xlstm.lm.windows import WindowSampler
from elmo_xlstm.device import fast_matmul
from elmo_xlstm.text import Corpus, CorpusConfig, Tokenizer, prepare_corpus

FULL = "full"
ADAPTIVE = "adaptive"
PERPLEXITY = "perplexity"
OPTIMIZER = OptimizerSettings(learning_rate=2e-3, betas=(0.9, 0.95), weight_decay=0.1)
WARMUP = 0.1  # of all steps
VALIDATION_FRACTION = 0.05


@dataclass(frozen=True)
class Training:
    """How the models are trained.

    Attributes:
        steps: optimizer steps of each.
        samples: numbers of negatives, a contender each.
        validation_tokens: of the held-out text, at most.
        seeds: trainings of each, which differ in first weights, windows and negatives.
    """

    steps: int
    samples: tuple[int, ...]
    validation_tokens: int
    seeds: int = 1


def read_corpus(path: Path | None, tokenizer: Tokenizer, directory: Path) -> Corpus:
    """Tokenise a text, a twentieth of whose documents is held out.

    Args:
        path: plain text with blank lines between documents, also compressed; by default the bundled text, of a
            document a line.
        tokenizer: what splits it.
        directory: where the corpus goes.
    """
    source = {
        "type": "local",
        "paths": [str(path or SAMPLE / "text" / "running.txt")],
        "documents": "blank_line" if path else "line",
    }
    config = CorpusConfig.model_validate(
        {"sources": [source], "cleaning": {"min_characters": 20}, "validation_fraction": VALIDATION_FRACTION}
    )
    return prepare_corpus(config, tokenizer, directory)


def measure_quality(session: Session, corpus: Corpus, tokenizer: Tokenizer, training: Training) -> Result:
    """Train a model with each loss on the same windows, step by step in turn; then score the same held-out text.

    Raises:
        UserError: no loss of that name is chosen, or the text is too short.
    """
    losses: dict[str, SoftmaxLossSettings] = {FULL: FullSoftmax.Config()}
    losses |= {f"sampled, {samples:,}": SampledSoftmax.Config(samples=samples) for samples in training.samples}
    losses[ADAPTIVE] = AdaptiveSoftmax.Config()
    chosen = {name: loss for name, loss in losses.items() if session.wants(name)}
    if not chosen:
        raise UserError(f"no contender of that name; there are: {'; '.join(losses)}")
    schedule = ScheduleSettings(warmup_steps=round(WARMUP * training.steps), decay="cosine", final_fraction=0.05)
    tokens = float(session.size.batch * session.size.length)
    measurements: list[Measurement] = []
    for seed in range(training.seeds):
        contenders = [_contender(session, name, loss, corpus, tokenizer, seed) for name, loss in chosen.items()]
        sampler = WindowSampler(corpus.train, session.size.length, session.size.batch, seed)
        seconds = _train(session, contenders, sampler, schedule, training.steps)
        measurements += [
            Measurement(
                contender=contender.name,
                case={"seed": seed},
                work={"tokens": tokens, "flops": contender.flops_per_token * tokens},
                values=seconds[contender.name],
                parameters=contender.parameters,
                scores={
                    **_perplexities(session, contender.model, corpus, training.validation_tokens),
                    "seconds of training": sum(seconds[contender.name]),
                },
            )
            for contender in contenders
        ]
    notes = [
        f"{training.steps:,} steps of {tokens:,.0f} tokens, {training.steps * tokens / len(corpus.train):.2f} passes "
        f"over {len(corpus.train):,} tokens; vocabulary {tokenizer.vocab_size:,}; fp32",
        f"perplexity by each model's exact distribution on {min(training.validation_tokens, len(corpus.validation)):,} "
        "held-out tokens, of both directions together and of each",
    ]
    return make_result(replace(session, repeats=training.steps), "quality", FULL, measurements, notes)


def _train(
    session: Session, contenders: list[Contender], sampler: WindowSampler, schedule: ScheduleSettings, steps: int
) -> dict[str, list[float]]:
    """Take all steps, each contender in turn; the seconds of each step."""
    seconds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    for step in range(steps):
        windows = sampler.batch(step, 0, 1).to(session.device)
        for contender in contenders:
            for group in contender.optimizer.param_groups:
                group["lr"] = OPTIMIZER.learning_rate * schedule.factor(step, steps)
            session.synchronize()
            started = time.perf_counter()
            contender.step(windows)
            session.synchronize()
            seconds[contender.name].append(time.perf_counter() - started)
    return seconds


def _contender(
    session: Session, name: str, loss: SoftmaxLossSettings, corpus: Corpus, tokenizer: Tokenizer, seed: int
) -> Contender:
    config = session.size.config(tokenizer.vocab_size)
    config.pad_token_id = tokenizer.pad_id
    config.softmax_clusters = loss.clusters_for(tokenizer.vocab_size)
    torch.manual_seed(seed)  # all start alike
    model = BiXLSTM(config)
    model.order_vocabulary(corpus.token_counts)
    model = session.place(model)
    softmax_loss = loss.build(corpus.token_counts)

    def mean_loss(input_ids: Tensor) -> Tensor:
        value: Tensor = model(input_ids, softmax_loss=softmax_loss).loss
        return value

    per_token = training_flops_per_token(config, loss.classes(corpus.token_counts))
    return Contender(name, model, mean_loss, OPTIMIZER.build(model), per_token, fast_matmul)


def _perplexities(session: Session, model: torch.nn.Module, corpus: Corpus, limit: int) -> dict[str, float]:
    assert isinstance(model, BiXLSTM)
    accelerator = Accelerator(cpu=session.device.type == "cpu")
    found = validate_model(model, corpus.validation, session.size.batch, limit, accelerator)
    return {
        PERPLEXITY: math.exp(found.loss),
        "forward": found.forward_perplexity,
        "backward": found.backward_perplexity,
    }
