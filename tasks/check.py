"""Facts about an installation: versions, devices, and where data is looked for."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import torch

from elmo_xlstm.device import default_device, onednn_problem
from elmo_xlstm.environment import hardware, installed_versions
from elmo_xlstm.lm import BiXLSTM
from elmo_xlstm.lm.backbones.mlstm.kernels import LICENCE, kernel_problem
from elmo_xlstm.lm.compilation import compiler_problem, cpp_compiler
from elmo_xlstm.lm.model_directory import find_model, read_architecture
from elmo_xlstm.lm.native import library_problem
from elmo_xlstm.tasks.data.absa_e2e import REPOSITORY as ABSA
from elmo_xlstm.tasks.data.indonlu import REPOSITORY as INDONLU
from elmo_xlstm.tasks.data.repository import cache_directory
from elmo_xlstm.text import Tokenizer

OPTIONAL = {
    "optuna": "search",
    "tensorboard": "trainer.tensorboard and training.tensorboard",
    "xlstm": "the reference implementation that the tests compare with",
    "mlstm_kernels": f"Triton kernels for long windows on a GPU; {LICENCE}, not an open-source licence",
}


def report(model: Path | None = None) -> dict[str, dict[str, str]]:
    """Facts under headings, of the model in a directory as well if one is given."""
    machine = hardware("cpu")
    accelerators = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    facts = {
        "versions": installed_versions(),
        "device": {
            "cpu": f"{machine.cpu}, {machine.cores} cores, {machine.threads} threads",
            "gpu": ", ".join(accelerators) or "none",
            "bf16 on the gpu": str(bool(accelerators) and torch.cuda.is_bf16_supported()),
        },
        "tiers": _tiers(),
        "optional parts": {
            name: f"{'installed' if importlib.util.find_spec(name) else 'not installed'} ({purpose})"
            for name, purpose in OPTIONAL.items()
        },
        "data": _data(),
    }
    if model is not None:
        facts["model"] = _describe_model(model)
    return facts


def _data() -> dict[str, str]:
    """Where the files of each public set are read from."""
    facts = {}
    for repository in (INDONLU, ABSA):
        given = repository.given_directory()
        cached = f"{cache_directory() / repository.cache} (fetched on first use)"
        facts[f"${repository.variable}"] = os.environ.get(repository.variable, "not set")
        facts[f"{repository.title} is read from"] = str(given) if given else cached
    return facts


def _tiers() -> dict[str, str]:
    """The kernels that can compute the language model's stacks on the device that would be used."""
    device = default_device()
    without = compiler_problem(device)
    builder = "triton" if device.type == "cuda" else cpp_compiler()
    problem = kernel_problem(device)
    no_native, no_onednn = library_problem(), onednn_problem()
    return {
        "plain torch": "usable",
        "compiled kernels": f"not usable: {no_native}" if no_native else "usable (embedding and pretraining on a CPU)",
        "float32 products": f"left to torch's default: {no_onednn}" if no_onednn else "left to oneDNN",
        "torch.compile": f"not usable: {without}" if without else f"usable with {builder} (pretraining that is long)",
        "triton kernels": f"not usable: {problem}" if problem else "usable (training.kernel: triton)",
    }


def _describe_model(path: Path) -> dict[str, str]:
    directory = find_model(path)
    config = read_architecture(directory, BiXLSTM.empty)
    tokenizer = Tokenizer.load(directory)
    return {
        "directory": str(directory),
        "blocks per direction": str(config.num_blocks),
        "width": str(config.embedding_dim),
        "pieces": str(tokenizer.vocab_size),
        "lower_case": str(tokenizer.lower_case),
    }
