"""A model and its tokenizer as one Hugging Face model directory."""

from __future__ import annotations

from pathlib import Path

from elmo_xlstm.checksums import CHECKSUMS_FILE
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.pretrained import BUNDLED, DEFAULT_MODEL, PROVENANCE_FILE, bundled_model
from elmo_xlstm.text import Tokenizer

MODEL_DIRECTORY = "model"
WEIGHTS_FILE = "model.safetensors"


def save_model(model: BiXLSTM, tokenizer: Tokenizer, directory: Path) -> None:
    """Write a model and its tokenizer into ``directory``; what another model there said of itself goes."""
    # Before version 0.8, safetensors writes into a file that is there: into weights that a model of this process may
    # have mapped into its memory, or that have other names (links).
    for name in (CHECKSUMS_FILE, PROVENANCE_FILE, WEIGHTS_FILE):
        (directory / name).unlink(missing_ok=True)
    model.save_pretrained(directory)
    tokenizer.save(directory)
    for weights in directory.glob("*.safetensors"):  # which safetensors keeps to their owner
        weights.chmod((directory / "config.json").stat().st_mode)


def find_model(name_or_path: str | Path) -> Path:
    """The directory of a model: a bundled one, itself, ``model/`` of a pretraining run, or a snapshot from the hub.

    Args:
        name_or_path: a bundled model's name, a directory (``./small`` for one that has such a name), or a name on
            the Hugging Face hub.

    Raises:
        UserError: there is no such model here, and the hub does not give it.
    """
    if str(name_or_path) in BUNDLED:
        return bundled_model(str(name_or_path))
    path = Path(name_or_path)
    for directory in (path, path / MODEL_DIRECTORY):
        if (directory / WEIGHTS_FILE).is_file():
            return directory
    if path.exists() or str(name_or_path).startswith((".", "/", "runs")) or str(name_or_path).count("/") != 1:
        raise UserError(
            f"{name_or_path}: no pretrained model there (looked for model.safetensors in it and in its model/); "
            f"use the bundled one, '{DEFAULT_MODEL}', or pretrain one with: python cli.py pretrain "
            "experiments/pretrain_cpu.jsonnet"
        )
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(snapshot_download(str(name_or_path), allow_patterns=["*.json", "*.safetensors"]))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise UserError(
            f"{name_or_path}: no such directory, and the Hugging Face hub does not give it ({type(error).__name__}); "
            "give a local model directory, or check the name and the network"
        ) from None
