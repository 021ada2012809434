"""Text and JSON-lines files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from elmo_xlstm.config import Configurable
from elmo_xlstm.errors import UserError
from elmo_xlstm.text.sources.base import Document, SourceSettings, file_label, sources
from elmo_xlstm.text.sources.files import find_files, fingerprint_files, format_suffix, open_binary, read_lines_of

JSON_LINES = (".jsonl", ".ndjson")
NOT_TEXT = frozenset(
    ".csv .tsv .tab .parquet .arrow .feather .json .htm .html .xhtml .xml .pdf .doc .docx .odt .epub .rtf .xls .xlsx "
    ".zip .tar .tgz .7z .rar".split()
)
HEAD_BYTES = 2**12
_MARKED = re.compile(rb'(?:\xef\xbb\xbf)?\s*(?:(\[?\s*\{\s*")|<(?:!doctype|html|\?xml|mediawiki)\b)', re.IGNORECASE)


class LocalSource(Configurable):
    """Documents of UTF-8 text files or JSON-lines files, plain or compressed (.gz, .bz2, .xz, .zst)."""

    @sources.register("local")
    class Config(SourceSettings):
        """Files and how documents are told apart in them."""

        type: Literal["local"] = "local"
        paths: list[str] = Field(min_length=1)
        """Files and globs (``*``, ``?``, ``**``); relative ones start at the working directory."""
        format: Literal["text", "jsonl"] | None = None
        """``text``: running text; ``jsonl``: one JSON object with a document in each line; null: by each file's ending,
        ``jsonl`` for .jsonl and .ndjson; what by its ending or begin is no running text is then refused."""
        text_field: str = "text"
        """JSON lines: the key that holds the text."""
        documents: Literal["blank_line", "line", "file"] = "blank_line"
        """Text: what ends a document: a blank line, each line, or only the file's end."""
        max_characters: int = Field(default=20_000, ge=1)
        """Longer documents are split at line ends, so that memory stays flat; one line is never split."""

        def default_label(self) -> str:
            """The first file's name."""
            return file_label(self.paths[0])

    def __init__(self, config: Config) -> None:
        self.config = config
        self.paths = find_files(config.paths)
        self._formats = {path: config.format or _format_of(path) for path in self.paths}

    def __iter__(self) -> Iterator[Document]:
        """The documents of all files in order; UserError names file and line of what is damaged."""
        for path in self.paths:
            if self._formats[path] == "jsonl":
                yield from self._read_jsonl(path)
            elif self.config.documents == "line":
                yield from (Document(line, f"{path}:{number}") for number, line in _lines(path) if line.strip())
            else:
                yield from self._join(path, _lines(path), at_blank_lines=self.config.documents == "blank_line")

    def fingerprint(self) -> dict[str, Any]:
        """The settings, and each file's name, size and hash."""
        return {**self.config.model_dump(exclude={"paths"}), "files": fingerprint_files(self.paths)}

    def _join(self, path: Path, numbered: Iterable[tuple[int, str]], at_blank_lines: bool) -> Iterator[Document]:
        """Documents of joined lines: up to a blank line (if that ends one) or ``max_characters``."""
        lines: list[str] = []
        first, characters = 1, 0
        for number, line in numbered:
            ends = at_blank_lines and not line.strip()
            if lines and (ends or characters + len(line) > self.config.max_characters):
                yield Document("\n".join(lines), f"{path}:{first}")
                lines, characters = [], 0
            if ends:
                continue
            if not lines:
                first = number
            lines.append(line)
            characters += len(line) + 1
        if lines and (at_blank_lines or any(line.strip() for line in lines)):
            yield Document("\n".join(lines), f"{path}:{first}")

    def _read_jsonl(self, path: Path) -> Iterator[Document]:
        key = self.config.text_field
        for number, line in _lines(path):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                row = json.loads(line)
            except ValueError as error:
                raise UserError(f"{where}: is no valid JSON ({error}); expected one object a line") from None
            except RecursionError:
                raise UserError(f"{where}: is nested too deeply; expected one object a line") from None
            if not isinstance(row, dict) or not isinstance(row.get(key), str):
                found = (
                    f"the keys {', '.join(row)[:300] or 'none'}" if isinstance(row, dict) else f"a {type(row).__name__}"
                )
                raise UserError(
                    f"{where}: expected an object with a string at '{key}', found {found}; "
                    "set the source's text_field to the key of the text"
                )
            if len(row[key]) <= self.config.max_characters:
                yield Document(row[key], where)
                continue
            for part in self._join(path, ((number, part) for part in row[key].splitlines()), at_blank_lines=False):
                yield Document(part.text, where)


def _format_of(path: Path) -> Literal["text", "jsonl"]:
    ending = format_suffix(path)
    if ending in JSON_LINES:
        return "jsonl"
    with open_binary(path) as file:
        head = file.read(HEAD_BYTES)
    marked = _MARKED.match(head)
    if marked and marked[1]:
        problem, remedy = "begins as JSON", "set format to 'jsonl' if each line holds one object"
    elif ending in NOT_TEXT or marked or b"\0" in head:
        problem = f"is named {ending}" if ending in NOT_TEXT else "begins as markup or a binary file"
        remedy = (
            "take the texts out of it; a source of type 'mediawiki' reads wiki dumps, one of type 'huggingface' "
            "directories of .csv and .parquet"
        )
    else:
        return "text"
    raise UserError(f"{path}: {problem}, which is no running text; {remedy}; or set the source's format to 'text'")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with open_binary(path) as file:
        for number, raw in read_lines_of(file, path):
            try:
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                byte = raw[error.start]
                raise UserError(
                    f"{path}:{number}: is not UTF-8 (byte 0x{byte:02x} at position {error.start + 1} of the line); "
                    f"convert the file, for example with iconv"
                ) from None
            yield number, line
