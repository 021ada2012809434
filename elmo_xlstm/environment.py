"""The circumstances of a measurement: versions, commit, hardware."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from elmo_xlstm.config import Settings
from elmo_xlstm.machine import usable_cores

PACKAGES = ("torch", "transformers", "tokenizers", "numpy", "scikit-learn")


class Hardware(Settings):
    """The machine a run was on."""

    cpu: str
    """Name of the processor."""
    cores: int
    """Cores that the process may use."""
    device: str
    """The device of the tensors: "cpu", or the name of the accelerator."""
    threads: int | None = None
    """With which torch computed: another number sums in another order. Null in files of earlier versions."""


def installed_versions() -> dict[str, str]:
    """Versions of Python, of this package and of the libraries that scores depend on."""
    versions = {"python": platform.python_version()}
    for name in ("elmo_xlstm", *PACKAGES):
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def git_commit() -> str | None:
    """The commit of the source tree that runs, ``-dirty`` after it if tracked files differ; ``None`` outside one."""
    here = Path(__file__).resolve()
    # An installed copy may lie inside someone else's repository, which then does not track this file.
    if _git("ls-files", "--error-unmatch", here.name, directory=here.parent) is None:
        return None
    return _git("describe", "--always", "--abbrev=40", "--exclude=*", "--dirty", directory=here.parent)


def _git(*arguments: str, directory: Path) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(directory), *arguments], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def hardware(device: str) -> Hardware:
    """Describe this machine; an accelerator (``cuda:0``) is given by its product name."""
    import torch

    if device.startswith("cuda") and torch.cuda.is_available():
        device = torch.cuda.get_device_name(torch.device(device))
    return Hardware(cpu=_cpu_name(), cores=usable_cores(), device=device, threads=torch.get_num_threads())


def _cpu_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass  # no Linux
    return platform.processor() or platform.machine() or "unknown"
