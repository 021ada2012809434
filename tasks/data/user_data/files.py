"""A user's data set in files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from elmo_xlstm.text.sources.files import hash_file
from tasks.data.examples import Splits
from tasks.data.user_data.settings import UserData
from tasks.data.user_data.splits import read_splits


class UserFiles(UserData):
    """Files; relative paths start at the working directory, and .gz, .bz2, .xz and .zst are unpacked."""

    train: Path
    valid: Path | None = None
    test: Path | None = None

    def reader(self) -> Any:
        """Reader of further files of the same form."""
        raise NotImplementedError

    def load(self) -> Splits[Any]:
        """Read the files.

        Raises:
            UserError: lists everything that is wrong with them.
        """
        splits = read_splits(self, self.reader().read)
        return replace(splits, sha256=checksums((self.train, self.valid, self.test)))


def checksums(paths: Iterable[Path | None]) -> dict[str, str]:
    """SHA-256 of each file as it lies there, by its name, or by its path where two have the same name."""
    files = list(dict.fromkeys(path for path in paths if path is not None))
    names = Counter(path.name for path in files)
    return {path.name if names[path.name] == 1 else str(path): hash_file(path) for path in files}
