"""Pretraining from settings to a model, and what it would be made of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from elmo_xlstm.lm.compilation import mixed_precision
from elmo_xlstm.lm.configuration import training_flops_per_token
from elmo_xlstm.lm.distributed import Processes
from elmo_xlstm.lm.initial_model import complete, find_tokenizer
from elmo_xlstm.lm.pretraining_loop import Pretraining
from elmo_xlstm.lm.pretraining_settings import METRICS_FILE, PretrainSettings
from elmo_xlstm.lm.scoring import Validation
from elmo_xlstm.progress import Progress
from elmo_xlstm.text import Corpus, prepare_corpus

__all__ = ["METRICS_FILE", "Pretraining", "describe_pretraining", "mixed_precision", "run_pretraining"]


def run_pretraining(
    settings: PretrainSettings, directory: Path, resume: bool = False, progress: Progress | None = None
) -> Validation:
    """Prepare the corpus and train.

    Args:
        settings: of the experiment.
        directory: of the run, opened with :func:`~elmo_xlstm.runs.run_directory.open_run`.
        resume: go on from the newest checkpoint.
        progress: shows how far the work has come.

    Returns:
        The validation of the model that lies in ``directory/model``.

    Raises:
        UserError: the corpus cannot be prepared; and what :meth:`Pretraining.run` raises.
    """
    return _set_up(settings, directory, directory, resume, progress).run(resume, progress)


def describe_pretraining(settings: PretrainSettings, progress: Progress | None = None) -> dict[str, Any]:
    """Build everything and train nothing: parameter counts, data sizes and steps, for a dry run."""
    pretraining = _set_up(settings, Path(settings.output), progress=progress)
    settings = pretraining.settings
    model = pretraining.bare_model
    rows = [*model.softmax_weights(), *(model.softmax_cluster_weights() or ())]
    softmax = sum(weight.numel() for weight in {id(w): w for w in rows}.values())
    classes = settings.softmax_loss.classes(pretraining.corpus.token_counts)
    return {
        "parameters": {
            "total": model.num_parameters(),
            "token embedding": model.token_embedding.weight.numel(),
            "stacks": sum(p.numel() for stack in model.backbones for p in stack.parameters()),
            "soft-max": softmax,
        },
        "corpus": {
            "documents": pretraining.corpus.manifest["documents"],
            "training tokens": len(pretraining.corpus.train),
            "validation tokens": len(pretraining.corpus.validation),
        },
        "steps": pretraining.total_steps,
        "steps per epoch": pretraining.sampler.steps_per_epoch,
        "tokens per step": pretraining.global_batch * settings.model.context_length,
        "soft-max rows per token": round(classes),
        "training MFLOP per token": round(training_flops_per_token(model.config, classes) / 1e6, 1),
        # Four numbers of four bytes for each parameter: itself, its gradient and AdamW's two moments.
        "GiB of weights, gradients and moments": round(16 * model.num_parameters() / 2**30, 2),
        "processes": pretraining.processes.count,
        "device": str(pretraining.accelerator.device),
        "precision": pretraining.accelerator.mixed_precision,
        "stacks run with": str(pretraining.tier),
    }


def _set_up(
    settings: PretrainSettings,
    directory: Path,
    run: Path | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Pretraining:
    """Open what training needs in every process; the main one prepares the corpus while the others wait."""
    processes = Processes()
    with processes.together():
        settings = complete(settings, run if resume else None)
        tokenizer = find_tokenizer(settings, run)
        tokenizer.fix_unicode = settings.corpus.cleaning.fix_unicode  # the model will read words as it does its corpus
        # What suits neither the vocabulary nor the backbone is said before the corpus is prepared.
        settings.architecture(tokenizer)
        settings.training.check(settings.model.backbone)
    corpora = Path(settings.corpus_directory)
    place = processes.run_on_main(lambda: prepare_corpus(settings.corpus, tokenizer, corpora, progress).directory)
    with processes.together():
        return Pretraining(settings, tokenizer, Corpus(place), directory)
