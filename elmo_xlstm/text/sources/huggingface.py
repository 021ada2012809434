"""Datasets of the Hugging Face hub."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Literal

from elmo_xlstm.config import Configurable
from elmo_xlstm.errors import UserError
from elmo_xlstm.text.sources.base import Document, SourceSettings, sources
from elmo_xlstm.text.sources.files import fingerprint_files


class HuggingFaceSource(Configurable):
    """The text column of a dataset that the ``datasets`` library can load."""

    @sources.register("huggingface")
    class Config(SourceSettings):
        """A dataset and its text column."""

        type: Literal["huggingface"] = "huggingface"
        name: str
        """Name on the hub (``wikimedia/wikipedia``) or a local dataset directory."""
        config_name: str | None = None
        """The dataset's configuration (``20231101.id``)."""
        split: str = "train"
        """The split to read."""
        text_field: str = "text"
        """The column that holds the text."""
        streaming: bool = True
        """Read rows as they arrive rather than download the whole dataset first."""
        revision: str | None = None
        """Commit, tag or branch; a commit makes the corpus reproducible."""

        def default_label(self) -> str:
            """The data set's name and configuration."""
            return "/".join(filter(None, (self.name, self.config_name)))

    def __init__(self, config: Config) -> None:
        self.config = config

    def __iter__(self) -> Iterator[Document]:
        """The rows in order; UserError if the dataset cannot be reached or loaded, or a row has no text."""
        config = self.config
        shown = "/".join(filter(None, (config.name, config.config_name, config.split)))
        row_number, field = 0, config.text_field
        try:
            for row_number, row in enumerate(self._load(), start=1):
                if not isinstance(row.get(field), str):
                    raise UserError(
                        f"dataset {shown}, row {row_number}: expected a string in '{field}', found the columns "
                        f"{', '.join(row)}; set text_field to the text's column"
                    )
                yield Document(row[field], f"{shown}, row {row_number}")
        except (UserError, GeneratorExit):
            raise
        except Exception as error:  # the library and its file systems raise many kinds
            reason = (str(error).strip().splitlines() or ["no reason given"])[0]
            at = f" after row {row_number}" if row_number else ""
            raise UserError(
                f"dataset {shown}: cannot be read{at} ({type(error).__name__}: {reason}); "
                "check the name, the configuration and the network, or use a source of type 'local' or 'mediawiki'"
            ) from None

    def fingerprint(self) -> dict[str, Any]:
        """The settings; of a local directory its files too."""
        values = self.config.model_dump(exclude={"streaming"})
        directory = Path(self.config.name)
        if directory.is_dir():
            values["files"] = fingerprint_files(sorted(path for path in directory.rglob("*") if path.is_file()))
        return values

    def _load(self) -> Any:
        from datasets import load_dataset  # takes seconds to import

        config = self.config
        return load_dataset(
            config.name,
            config.config_name,
            split=config.split,
            streaming=config.streaming,
            revision=config.revision,
            **no_foreign_code(load_dataset),
        )


def no_foreign_code(load_dataset: Callable[..., Any]) -> dict[str, Any]:
    """Options by which the library runs no code of a data set's author: version 3 would ask, later ones never do."""
    return {"trust_remote_code": False} if "trust_remote_code" in inspect.signature(load_dataset).parameters else {}
