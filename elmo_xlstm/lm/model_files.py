"""A model and its tokenizer as one Hugging Face model directory."""

from __future__ import annotations

from pathlib import Path

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.text import Tokenizer

MODEL_DIRECTORY = "model"
WEIGHTS_FILE = "model.safetensors"


def save_model(model: BiXLSTM, tokenizer: Tokenizer, directory: Path) -> None:
    """Write a model and its tokenizer into ``directory``."""
    model.save_pretrained(directory)
    tokenizer.save(directory)


def find_model(name_or_path: str | Path) -> Path:
    """The directory of a model: itself, ``model/`` of a pretraining run, or a snapshot from the hub.

    Raises:
        UserError: there is no such model here, and the hub does not give it.
    """
    path = Path(name_or_path)
    for directory in (path, path / MODEL_DIRECTORY):
        if (directory / WEIGHTS_FILE).is_file():
            return directory
    if path.exists() or str(name_or_path).startswith((".", "/", "runs")) or str(name_or_path).count("/") != 1:
        raise UserError(
            f"{name_or_path}: no pretrained model there (looked for model.safetensors in it and in its model/); "
            "pretrain one with: python cli.py pretrain experiments/pretrain_cpu.jsonnet"
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
