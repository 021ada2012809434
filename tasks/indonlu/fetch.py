"""Where the benchmark's files are: a given directory, the cache, or the public repository."""

from __future__ import annotations

from pathlib import Path

from elmo_xlstm.config import Settings
from tasks.indonlu.datasets import Split, dataset
from tasks.repository import Repository

DIRECTORY_VARIABLE = "ELMO_XLSTM_INDONLU"
REPOSITORY = Repository(
    title="IndoNLU",
    name="IndoNLP/indonlu",
    commit="ce728f6926a36174b9923dfe49d6a6839b6e9bb7",
    folder="dataset",
    variable=DIRECTORY_VARIABLE,
    cache="indonlu",
)


class DataLocation(Settings):
    """Where the benchmark's files are looked for."""

    data_dir: Path | None = None
    """Directory that holds the benchmark's folders (nerp_ner-prosa, ...). When it is not set, the
    environment variable ELMO_XLSTM_INDONLU counts, then the cache, which is filled on first use."""


def locate(task: str, split: Split, location: DataLocation | None = None) -> Path:
    """Find the file of one split, fetching it if need be; its checksum is right on return.

    Args:
        task: a name from :data:`tasks.indonlu.datasets.DATASETS`.
        split: train, valid or test.
        location: where to look first.

    Raises:
        UserError: the task is unknown, the file is not where it was said to be, its content is not
            the benchmark's, or it can be had neither from the cache nor from the network.
    """
    return REPOSITORY.locate(dataset(task).files[split], (location or DataLocation()).data_dir)
