"""Where the benchmark's files are: a given directory, the cache, or the public repository."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from elmo_xlstm.config import Settings
from elmo_xlstm.errors import UserError
from tasks.indonlu.datasets import DataFile, Split, dataset

COMMIT = "ce728f6926a36174b9923dfe49d6a6839b6e9bb7"
BASE_URL = f"https://raw.githubusercontent.com/IndoNLP/indonlu/{COMMIT}/dataset"
DIRECTORY_VARIABLE = "ELMO_XLSTM_INDONLU"
CACHE_VARIABLE = "ELMO_XLSTM_CACHE"
TIMEOUT_SECONDS = 30


class DataLocation(Settings):
    """Where the benchmark's files are looked for."""

    data_dir: Path | None = None
    """Directory that holds the benchmark's folders (nerp_ner-prosa, ...). When it is not set, the
    environment variable ELMO_XLSTM_INDONLU counts, then the cache, which is filled on first use."""


def cache_directory() -> Path:
    """Where fetched files are kept: ``$ELMO_XLSTM_CACHE``, or the user's cache directory."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser()
    import pooch

    return Path(pooch.os_cache("elmo-xlstm"))


def given_directory(location: DataLocation) -> Path | None:
    """The directory that the settings or the environment name, if either does."""
    if location.data_dir is not None:
        return location.data_dir.expanduser()
    from_environment = os.environ.get(DIRECTORY_VARIABLE)
    return Path(from_environment).expanduser() if from_environment else None


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
    file = dataset(task).files[split]
    directory = given_directory(location or DataLocation())
    if directory is not None:
        path = directory / file.path
        if not path.is_file():
            where = "data_dir" if location is not None and location.data_dir is not None else f"${DIRECTORY_VARIABLE}"
            raise UserError(
                f"{path}: no such file; {where} should be a directory with the folders of IndoNLU's 'dataset' directory"
            )
        verify(path, file.sha256)
        return path
    path = cache_directory() / "indonlu" / COMMIT / file.path
    if path.is_file() and sha256(path) == file.sha256:
        return path
    return _fetch(file, path)


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def verify(path: Path, expected: str) -> None:
    """Check a file's content.

    Raises:
        UserError: it is not what was expected.
    """
    found = sha256(path)
    if found != expected:
        raise UserError(
            f"{path}: not the benchmark's file (commit {COMMIT[:7]}): SHA-256 expected {expected}, found {found}; "
            "files with masked test labels or changed line ends are among the usual causes"
        )


def _fetch(file: DataFile, path: Path) -> Path:
    """Download into the cache: to a temporary name, checked, then renamed."""
    import pooch
    import requests

    url = f"{BASE_URL}/{file.path}"
    try:
        pooch.retrieve(
            url,
            known_hash=f"sha256:{file.sha256}",
            fname=path.name,
            path=path.parent,
            downloader=pooch.HTTPDownloader(timeout=TIMEOUT_SECONDS),
        )
    except (requests.RequestException, OSError, ValueError) as error:
        # OSError: no connection or no space; ValueError: pooch found another checksum and kept nothing.
        reason = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise UserError(
            f"cannot fetch {url}: {reason}\n"
            f"Either run once where raw.githubusercontent.com can be reached (the files are then kept in "
            f"{cache_directory()}), or get the 'dataset' directory of https://github.com/IndoNLP/indonlu at commit "
            f"{COMMIT[:7]} by other means and name it: set {DIRECTORY_VARIABLE}, or data_dir in the configuration."
        ) from None
    return path
