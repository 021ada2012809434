"""Export of a finished run, or of a language model, for use without torch."""

from __future__ import annotations

from pathlib import Path

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.errors import UserError
from elmo_xlstm.export.onnx_files import export_embedder, export_head
from elmo_xlstm.pretrained import CARRIED_HEADS
from elmo_xlstm.runs.run_directory import CONFIG_FILE
from elmo_xlstm.tasks.classification import LabelTask
from elmo_xlstm.tasks.finetuning import RESULT_FILE
from elmo_xlstm.tasks.loading import find_head
from elmo_xlstm.tasks.model import TaskModel
from elmo_xlstm.tasks.predict import FinishedRun
from elmo_xlstm.tasks.predictor import WEIGHTS_FILE

KINDS = ("tagging", "classification", "aspects")


def export_onnx(name: str, target: Path, force: bool = False) -> str:
    """Write a directory that needs no torch.

    Args:
        name: a carried head, or the directory of a finished run or exported head; or a language model's name, directory
            or pretraining run.
        target: the new directory.
        force: replace an exported model that is there.

    Returns:
        The kind of model: ``embedder``, or that of the task.

    Raises:
        UserError: there is no such model, or it cannot be exported.
    """
    if not _is_head(name):
        export_embedder(ElmoEmbedder.from_pretrained(name, device="cpu"), target, force)
        return "embedder"
    task = FinishedRun(find_head(name)).task
    kind: str = task.config.type
    model = task.built()
    if kind not in KINDS or not isinstance(model, TaskModel):
        raise UserError(f"{name}: is of kind {kind}; {', '.join(KINDS)} with a neural head can be exported to ONNX")
    settings = {
        "kind": kind,
        "labels": model.space.labels,
        "aspects": model.space.aspects,
        "lower_case": model.lower_case,
        **({"keep_whole": task.keep_whole} if isinstance(task, LabelTask) else {}),
    }
    export_head(model.head, model.embedder, model.vocabularies, settings, target, force)
    return kind


def _is_head(name: str) -> bool:
    directory = Path(name)
    finished = (directory / WEIGHTS_FILE).is_file() or (directory / RESULT_FILE).is_file()
    return name in CARRIED_HEADS or (finished and (directory / CONFIG_FILE).is_file())
