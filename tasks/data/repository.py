"""Data files of public repositories: from a directory that is named, the cache, or the network; always verified."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.examples import Example

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
RAW_FILES = "https://raw.githubusercontent.com"
CACHE_VARIABLE = "ELMO_XLSTM_CACHE"
TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class DataFile:
    """One file of a data set.

    Attributes:
        path: below the repository's folder of data.
        rows: sentences or records in the file.
        sha256: of its content, in hexadecimal digits.
        commit: at which the file is fetched, where that is not the repository's.
    """

    path: str
    rows: int
    sha256: str
    commit: str | None = None


@dataclass(frozen=True)
class Repository:
    """A public repository at a pinned commit.

    Attributes:
        title: name of its data in messages.
        name: owner and name on GitHub.
        commit: in full.
        folder: that holds the data.
        variable: environment variable that names a local copy of ``folder``.
        cache: its directory below the cache.
    """

    title: str
    name: str
    commit: str
    folder: str
    variable: str
    cache: str

    def url(self, file: DataFile) -> str:
        """Where a file is fetched from."""
        return f"{RAW_FILES}/{self.name}/{file.commit or self.commit}/{self.folder}/{file.path}"

    def given_directory(self, data_dir: Path | None = None) -> Path | None:
        """The local copy that the settings or the environment name, if either does.

        Args:
            data_dir: of the settings; goes before the environment.
        """
        if data_dir is not None:
            return data_dir.expanduser()
        from_environment = os.environ.get(self.variable)
        return Path(from_environment).expanduser() if from_environment else None

    def locate(self, file: DataFile, data_dir: Path | None = None) -> Path:
        """Find a file, fetching it if need be; its checksum is right on return.

        Args:
            file: of this repository.
            data_dir: a local copy, if the settings name one.

        Raises:
            UserError: the file is not where it was said to be, its content is another one, or it can be had neither
                from the cache nor from the network.
        """
        directory = self.given_directory(data_dir)
        if directory is not None:
            path = directory / file.path
            if not path.is_file():
                where = "data_dir" if data_dir is not None else f"${self.variable}"
                raise UserError(
                    f"{path}: no such file; {where} should be a copy of the '{self.folder}' directory of {self.name}, "
                    f"the source of {self.title}"
                )
            self._verify(path, file)
            return path
        path = cache_directory() / self.cache / (file.commit or self.commit) / file.path
        if path.is_file() and sha256(path) == file.sha256:
            return path
        return self._fetch(file, path)

    def _verify(self, path: Path, file: DataFile) -> None:
        found = sha256(path)
        if found != file.sha256:
            raise UserError(
                f"{path}: not {self.title}'s file (commit {(file.commit or self.commit)[:7]}): SHA-256 expected "
                f"{file.sha256}, found {found}; files with masked test labels or changed line ends are among the usual "
                "causes"
            )

    def _fetch(self, file: DataFile, path: Path) -> Path:
        """Download into the cache: to a temporary name, checked, then renamed."""
        import pooch
        import requests

        url = self.url(file)
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
                f"{cache_directory()}), or get the '{self.folder}' directory of https://github.com/{self.name} at "
                f"commit {(file.commit or self.commit)[:7]} by other means and name it: set {self.variable}, or "
                "data_dir in the configuration."
            ) from None
        return path


def cache_directory() -> Path:
    """Where fetched files are kept: ``$ELMO_XLSTM_CACHE``, or the user's cache directory."""
    given = os.environ.get(CACHE_VARIABLE)
    if given:
        return Path(given).expanduser()
    import pooch

    return Path(pooch.os_cache("elmo-xlstm"))


def sha256(path: Path) -> str:
    """The SHA-256 of a file's content, in hexadecimal digits."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_file(path: Path, file: DataFile, examples: Sequence[Example], split: Split, real: str) -> None:
    """Check the examples of a file.

    Args:
        path: of the file.
        file: its declaration.
        examples: read from it.
        split: that it holds.
        real: advice for a test file whose labels are masked: the file to use.

    Raises:
        UserError: there are more or fewer than declared; or it is a test file in which every label is the same, so that
            nothing can be measured on it.
    """
    if len(examples) != file.rows:
        raise UserError(
            f"{path}: {len(examples)} rows, expected {file.rows}; the file is cut or not the one that is declared"
        )
    labels = {label for example in examples for label in example.gold or ()}
    if split == "test" and len(labels) < 2:
        only = f"'{min(labels)}'" if labels else "missing"
        raise UserError(f"{path}: every label is {only}: the labels of this test file are masked; use {real}")
