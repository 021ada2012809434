"""A model and its tokenizer as one Hugging Face model directory."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import save_file
from torch import Tensor

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.pretrained import BUNDLED, DEFAULT_MODEL, PROVENANCE_FILE, bundled_model
from elmo_xlstm.runs.checksums import CHECKSUMS_FILE
from elmo_xlstm.runs.files import check_directory
from elmo_xlstm.text import Tokenizer

MODEL_DIRECTORY = "model"
WEIGHTS_FILE = "model.safetensors"


def save_model(
    model: BiXLSTM, tokenizer: Tokenizer, directory: str | Path, stored: dict[str, Tensor] | None = None
) -> None:
    """Write a model and its tokenizer into ``directory``; what another model there said of itself goes.

    Args:
        model: configuration and weights.
        tokenizer: of its vocabulary.
        directory: is there already.
        stored: the weights as they are to be stored, in place of the model's own.
    """
    directory = Path(directory)
    # Before version 0.8, safetensors writes into a file that is there: into weights that a model of this process may
    # have mapped into its memory, or that have other names (links).
    for name in (CHECKSUMS_FILE, PROVENANCE_FILE, WEIGHTS_FILE):
        (directory / name).unlink(missing_ok=True)
    model.save_pretrained(directory)
    if stored is not None:
        save_file(stored, directory / WEIGHTS_FILE, metadata={"format": "pt"})
    tokenizer.save(directory)
    for weights in directory.glob("*.safetensors"):  # which safetensors keeps to their owner
        weights.chmod((directory / "config.json").stat().st_mode)


def find_model(name_or_path: str | Path) -> Path:
    """The directory of a model: a bundled one, itself, ``model/`` of a pretraining run, or a snapshot from the hub.

    Args:
        name_or_path: a bundled model's name, a directory (``./small`` for one that has such a name), or a name on
            the Hugging Face hub.

    Raises:
        UserError: there is no such model here, and the hub does not give it; or it holds what no model is made of.
    """
    if str(name_or_path) in BUNDLED:
        return bundled_model(str(name_or_path))
    path = Path(name_or_path)
    for directory in (path, path / MODEL_DIRECTORY):
        if (directory / WEIGHTS_FILE).is_file():
            check_directory(directory)
            return directory
    if not is_on_the_hub(name_or_path):
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


def is_on_the_hub(name_or_path: str | Path) -> bool:
    """Whether a model, if it is anywhere, is one of the Hugging Face hub: there is no such path, nor can there be."""
    name = str(name_or_path)
    return not (Path(name).exists() or name.startswith((".", "/", "runs")) or name.count("/") != 1)
