"""Export of a finished run as a small head: fp16 weights, no language model, a card that says what it was made of."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from elmo_xlstm.embedding import EmbedderSettings
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import RunResult
from elmo_xlstm.lm.model_directory import is_on_the_hub
from elmo_xlstm.lm.pretraining_record import portable
from elmo_xlstm.pretrained import BUNDLED
from elmo_xlstm.progress import Progress
from elmo_xlstm.runs.checksums import write_checksums
from elmo_xlstm.runs.directories import publish_directory
from elmo_xlstm.runs.files import to_json
from elmo_xlstm.runs.run_directory import CONFIG_FILE
from elmo_xlstm.tasks.finetuning import RESULT_FILE
from elmo_xlstm.tasks.model import TaskModel
from elmo_xlstm.tasks.predict import FinishedRun
from elmo_xlstm.tasks.predictor import WEIGHTS_FILE
from elmo_xlstm.tasks.run_contents import HEAD_FILE

CARD_FILE = "README.md"
PLACE = re.compile(r"(?<=[ =])[/~]\S*/")
"""What stands before the name of a file in a command, and tells of a machine."""
SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class DataNotes:
    """What a card says of the data that a head was trained on.

    Attributes:
        source: where they are from.
        licence: of them.
    """

    source: str
    licence: str


def export_head(
    run: Path, target: Path, notes: DataNotes, force: bool = False, progress: Progress | None = None
) -> dict[str, Any]:
    """Write a finished run's head into a directory of its own, and score it as it is written.

    The language model is named, not copied; the head is refused where it is another one.

    Args:
        run: directory of the run, whose data can be read.
        target: the new directory.
        notes: for the card.
        force: replace an exported head that is there.
        progress: shows the scoring.

    Returns:
        The content of ``head.json``.

    Raises:
        UserError: the run is no finished one of a neural head, its language model is neither carried by the package nor
            on the hub, its data are not there, its weights do not fit fp16, or there is something at ``target``.
    """
    finished = FinishedRun(run)
    model, result = finished.task.built(), finished.result
    if result is None or not isinstance(model, TaskModel):
        raise UserError(
            f"{run}: is no finished run of a neural head; finish it with finetune --resume, or copy the run"
        )
    embedder: EmbedderSettings | None = finished.settings.embedder
    if embedder is not None and not (embedder.model in BUNDLED or is_on_the_hub(embedder.model)):
        raise UserError(
            f"{run}: its language model, {embedder.model}, is neither carried by the package nor on the Hugging Face "
            "hub, and would be missing elsewhere; copy the run instead, which holds it"
        )
    if target.exists() and not (force and (target / HEAD_FILE).is_file()):
        raise UserError(f"{target}: is there already; choose another name, or replace an exported head with --force")
    with publish_directory(target) as directory:
        model.save(directory)
        _halve(directory / WEIGHTS_FILE)
        _write(directory / CONFIG_FILE, _settings(finished))
        kept = {"config": _settings(finished), "command": PLACE.sub("", result.command), "outcomes": None}
        result = result.model_copy(update=kept)
        _write(directory / RESULT_FILE, result.model_dump(mode="json"))
        facts = {
            "format": 1,
            "language_model": None if embedder is None else {"name": embedder.model, "fingerprint": result.checkpoint},
            "weights": {"storage": "fp16", "parameters": sum(model.parameter_counts().values())},
            "data": {
                **asdict(notes),
                "examples": {split: len(finished.task.split(split)) for split in SPLITS},
            },
        }
        _write(directory / HEAD_FILE, facts)
        head = FinishedRun(directory).task  # its settings say nothing of where the data are here
        facts["scores"] = {
            split: dict(head.score(finished.task.split(split), progress=progress).metrics) for split in SPLITS[1:]
        }
        _write(directory / HEAD_FILE, facts)
        (directory / CARD_FILE).write_text(_card(target.name, facts, result), encoding="utf-8")
        write_checksums(directory)
    return facts


def _halve(path: Path) -> None:
    """Store weights as fp16.

    Raises:
        UserError: one is too large for it.
    """
    weights = load_file(path)
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
    for name, tensor in halves.items():
        if not bool(torch.isfinite(tensor).all()):
            raise UserError(f"{path.parent}: {name} holds numbers beyond 65,504, which fp16 has not; train anew")
    save_file(halves, path)
    path.chmod(0o644)  # safetensors keeps it to its owner


def _settings(finished: FinishedRun) -> dict[str, Any]:
    """The settings without the places of one machine, which are as by default."""
    values = finished.settings.model_dump(mode="json", exclude={"output", "results"})
    if values.get("embedder"):
        del values["embedder"]["store"]
    settings: dict[str, Any] = portable(values)
    return settings


def _write(path: Path, values: Any) -> None:
    path.write_text(to_json(values, indent=2) + "\n", encoding="utf-8")


def _card(name: str, facts: dict[str, Any], result: RunResult) -> str:
    """A model card in Markdown, with the front matter that the Hugging Face hub reads."""
    model = facts["language_model"]
    rows = [
        f"| {split} | {facts['data']['examples'][split]:,} | "
        + " | ".join(f"{100 * facts['scores'][split][metric]:.2f}" for metric in _shown(result))
        + " |"
        for split in SPLITS[1:]
    ]
    reads = (
        f"reads the frozen language model `{model['name']}` (fingerprint `{model['fingerprint'][:16]}…`) and is "
        "refused with any other"
        if model
        else "reads no language model"
    )
    named = ", ".join(f"`{label}`" for label in result.types) or "none"
    columns = _shown(result)
    metrics = "".join(f" | {metric}" for metric in columns)
    return f"""---
language: id
library_name: elmo-xlstm
tags: [elmo, indonesian, {result.task}]
---

# {name}

A head for {facts["data"]["source"]}. It {reads}. {facts["weights"]["parameters"]:,} parameters, stored as fp16.

```python
import elmo_xlstm

model = elmo_xlstm.load("{name}")
```

- **Types that are scored:** {named}
- **Data:** {facts["data"]["source"]}; {facts["data"]["examples"]["train"]:,} examples to train on
- **Licence of the data:** {facts["data"]["licence"]}
- **Chosen by:** `{result.main_metric}` on the validation split, epoch by epoch; by nothing of the test split
- **Trained with:** `{result.command}`, seed {result.seed}, commit `{result.git_commit}`
- **Settings, data checksums, versions, per-type scores:** `config.json`, `result.json`, `head.json`

Scores (%) of the weights as they are stored here:

| split | examples{metrics} |
|---|---:|{"---:|" * len(columns)}
{chr(10).join(rows)}
"""


def _shown(result: RunResult) -> list[str]:
    """Metrics of the card, the main one first."""
    others = ("micro_f1", "macro_f1", "token_accuracy", "accuracy")
    return [result.main_metric, *(name for name in others if name in result.metrics and name != result.main_metric)]
