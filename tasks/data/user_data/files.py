"""A user's data set in files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator

from elmo_xlstm.tasks.data.examples import Splits
from elmo_xlstm.tasks.data.user_data.settings import UserData
from elmo_xlstm.tasks.data.user_data.splits import read_splits
from elmo_xlstm.text.sources.files import hash_file

SAMPLE = Path("tasks/sample")
SHIPPED = Path(__file__).parents[2] / "sample"


def _find(path: Path) -> Path:
    """The path; of a sample that is not below the working directory, where the package has it."""
    if not path.is_relative_to(SAMPLE) or path.exists():
        return path
    return SHIPPED / path.relative_to(SAMPLE)


DataFile = Annotated[Path, AfterValidator(_find)]


class UserFiles(UserData):
    """Files; relative paths start at the working directory, and .gz, .bz2, .xz and .zst are unpacked."""

    train: DataFile
    valid: DataFile | None = None
    test: DataFile | None = None

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
