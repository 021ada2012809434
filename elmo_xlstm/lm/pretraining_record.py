"""The record of a pretraining run in its directory: metrics, recipe, corpus, steps and validation."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.initial_model import read_kept
from elmo_xlstm.lm.model_directory import MODEL_DIRECTORY, WEIGHTS_FILE
from elmo_xlstm.lm.pretraining_settings import METRICS_FILE, PretrainSettings
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.checkpoints import CheckpointDirectory
from elmo_xlstm.runs.files import LARGEST_LIST, read_file, read_json, to_json, writing
from elmo_xlstm.runs.run_directory import CONFIG_FILE
from elmo_xlstm.runs.tensorboard import EventLog
from elmo_xlstm.text import Tokenizer
from elmo_xlstm.text.corpus import MANIFEST_FILE

logger = logging.getLogger(__name__)


class TrainingLog:
    """The metrics of a run.

    Args:
        directory: of the run.
        writes: whether this process does; the others stay silent.
        tensorboard: write event files, too.
    """

    def __init__(self, directory: Path, writes: bool, tensorboard: bool = False) -> None:
        self._path = directory / METRICS_FILE
        self._writes = writes
        self._tensorboard = tensorboard and writes
        self._events: EventLog | None = None

    def add(self, step: int, kind: str, values: dict[str, Any]) -> None:
        """Append a line.

        Raises:
            DiskError: the disk is full or refuses.
        """
        if not self._writes:
            return
        with writing(self._path), open(self._path, "a") as file:
            file.write(to_json({"step": step, "kind": kind, **values}) + "\n")
        if self._tensorboard:
            self._events = self._events or EventLog(self._path.parent, step - 1)
            self._events.add(step, kind, values)
        shown = "  ".join(f"{key} {_shown(value)}" for key, value in values.items())
        logger.info("step %d  %s  %s", step, kind, shown)

    def forget_after(self, step: int) -> None:
        """Remove what was written after a step, and a line that a killed process left unfinished."""
        if not self._writes or not self._path.exists():
            return
        lines = [line for line in read_file(self._path, LARGEST_LIST).decode().splitlines() if line.endswith("}")]
        kept = [line for line in lines if json.loads(line)["step"] <= step]
        write_text_atomically(self._path, "".join(line + "\n" for line in kept))


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics, in order; none without a file. What a killed process cut short is left out."""
    try:
        return [json.loads(line) for line in read_file(path, LARGEST_LIST).decode().splitlines() if line.endswith("}")]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: no metrics of a run ({error}); restore the file") from None


def _shown(value: Any) -> str:
    return "none" if value is None else f"{value:.4g}"


@dataclass(frozen=True)
class PretrainingRecord:
    """One model of a run.

    Attributes:
        model: its directory.
        step: optimizer steps it was trained for; ``None`` if the run's metrics are gone.
        validation: what the run measured then, as :class:`~elmo_xlstm.lm.scoring.Validation` names it.
        recipe: the run's settings; of a place on the machine only the last name is kept.
        corpus: digest, sizes and sources of the text; ``None`` if it is not found any more.
        initial_model: what the run began with, and its checksum; ``None`` for random weights.
    """

    model: Path
    step: int | None
    validation: dict[str, float] | None
    recipe: dict[str, Any]
    corpus: dict[str, Any] | None
    initial_model: dict[str, Any] | None


def read_record(run: Path, step: int | None = None) -> PretrainingRecord:
    """Read the record of a run's model.

    Args:
        run: directory of the run.
        step: of the checkpoint that is meant; the finished run's model by default, its best.

    Raises:
        UserError: there is no pretraining run, or it has no such model.
    """
    stored = run / CONFIG_FILE
    try:
        values = read_json(stored)
        is_run = "training" in values
    except (OSError, ValueError, TypeError):
        is_run = False
    if not is_run:
        raise UserError(f"{run}: no pretraining run there (expected its {CONFIG_FILE}, with the run's settings)")
    settings = validate(PretrainSettings, values, origin=str(stored))
    model = _model_directory(run, step)
    measured = _validations(run / METRICS_FILE)
    if step is None and measured:
        step = min(measured, key=lambda at: measured[at]["loss"])  # as the run chose
    return PretrainingRecord(
        model,
        step,
        measured.get(step) if step is not None else None,
        portable(settings.model_dump(mode="json")),
        _find_corpus(settings, Tokenizer.load(model)),
        portable(read_kept(run)),
    )


def portable(value: Any) -> Any:
    """A copy of nested settings in which absolute paths are their last names: what tells of a machine is left out."""
    if isinstance(value, dict):
        return {key: portable(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [portable(entry) for entry in value]
    return Path(value).name or value if isinstance(value, str) and value.startswith(("/", "~")) else value


def _model_directory(run: Path, step: int | None) -> Path:
    checkpoints = CheckpointDirectory(run / "checkpoints", keep=1)
    model = (run if step is None else checkpoints.path(step)) / MODEL_DIRECTORY
    if (model / WEIGHTS_FILE).is_file():
        return model
    steps = ", ".join(map(str, checkpoints.steps())) or "none"
    if step is None:
        raise UserError(
            f"{run}: has no {MODEL_DIRECTORY}/ yet, which the end of training writes; finish it with --resume, or "
            f"export a checkpoint: --step (there are: {steps})"
        )
    raise UserError(f"{run}: has no checkpoint of step {step} (there are: {steps})")


def _validations(path: Path) -> dict[int, dict[str, float]]:
    """Scores by step, where they are numbers; of a step that was measured twice, the later ones."""
    return {
        entry["step"]: {name: value for name, value in entry.items() if name not in ("step", "kind")}
        for entry in read_metrics(path)
        if entry["kind"] == "validation" and math.isfinite(entry["loss"] if entry["loss"] is not None else math.nan)
    }


def _find_corpus(settings: PretrainSettings, tokenizer: Tokenizer) -> dict[str, Any] | None:
    """The one corpus below the run's corpus directory that its settings and its tokenizer made."""
    wanted = [(source.shown, source.share, source.repeat) for source in settings.corpus.sources]
    found = []
    for path in sorted(Path(settings.corpus_directory).glob(f"*/{MANIFEST_FILE}")):
        try:
            manifest = read_json(path)
        except ValueError:
            continue  # damaged, so that training would build another one
        sources = [(s.get("label"), s.get("share"), s.get("repeat")) for s in manifest["sources"]]
        cleaning = {**settings.corpus.cleaning.model_dump(), "exclude": manifest["cleaning"].get("exclude")}
        if (
            sources == wanted
            and manifest["tokenizer"]["fingerprint"] == tokenizer.fingerprint
            and manifest["cleaning"] == cleaning
        ):
            found.append(manifest)
    if len(found) != 1:
        problem = "several corpora" if found else "no corpus"
        logger.warning("%s: %s of this run's settings; the model goes without", settings.corpus_directory, problem)
        return None
    (manifest,) = found
    counts = {
        part: {name: manifest[part][name] for name in ("tokens", "documents", "characters")}
        for part in ("train", "validation")
    }
    return {"digest": manifest["digest"], **counts, "sources": portable(manifest["sources"])}
