"""MediaWiki XML dumps."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, Literal

from elmo_xlstm.config import Configurable
from elmo_xlstm.errors import UserError
from elmo_xlstm.text.sources.base import Document, SourceSettings, file_label, sources
from elmo_xlstm.text.sources.files import find_files, fingerprint_files, open_binary

PAGE_BYTES = 2**28  # the largest pages of wikis have 2 MiB; a dump of all revisions has larger ones
_REDIRECT = re.compile(r"\s*#\s*(?:redirect|alih)\b", re.IGNORECASE)


class MediaWikiSource(Configurable):
    """The articles of a ``pages-articles`` dump, in wiki text: namespace 0, without redirects."""

    @sources.register("mediawiki")
    class Config(SourceSettings):
        """A dump."""

        type: Literal["mediawiki"] = "mediawiki"
        path: str
        """``…-pages-articles.xml``, plain or compressed (.bz2, .gz, .xz, .zst)."""

        def default_label(self) -> str:
            """The dump's name."""
            return file_label(self.path)

    def __init__(self, config: Config) -> None:
        self.config = config
        paths = find_files([config.path])
        if len(paths) != 1:
            raise UserError(f"{config.path}: matches {len(paths)} files; give one dump a source")
        self.path = paths[0]

    def __iter__(self) -> Iterator[Document]:
        """The articles in order; memory does not grow with the dump. UserError names the line of what is damaged."""
        pages = 0
        with open_binary(self.path) as file:
            bounded = _PageReader(file, self.path)
            try:
                root: Any = None
                for event, element in ElementTree.iterparse(bounded, events=("start", "end")):
                    if root is None:
                        root = element
                    if event == "end" and _local_name(element) == "page":
                        pages += 1
                        bounded.since_page = 0
                        document = self._article(element)
                        root.clear()  # the tree would grow to the size of the dump
                        if document is not None:
                            yield document
            except ElementTree.ParseError as error:
                line, column = error.position
                raise UserError(
                    f"{self.path}:{line}: is no well-formed XML at column {column + 1} ({error.args[0]}); "
                    "fetch the dump again, it may be cut off"
                ) from None
            except (ValueError, LookupError) as error:  # of the declared encoding
                raise UserError(f"{self.path}:1: cannot be read as XML ({error}); expected a dump in UTF-8") from None
        if not pages:
            raise UserError(
                f"{self.path}: has no <page>; expected a MediaWiki dump such as idwiki-…-pages-articles.xml.bz2"
            )

    def fingerprint(self) -> dict[str, Any]:
        """The file's name, size and hash (or time of change if it is large)."""
        return {"type": self.config.type, "files": fingerprint_files([self.path])}

    def _article(self, page: ElementTree.Element) -> Document | None:
        title, namespace, text = "", "0", ""
        for element in page.iter():
            match _local_name(element):
                case "title":
                    title = element.text or ""
                case "ns":
                    namespace = (element.text or "").strip()
                case "redirect":
                    return None
                case "text":
                    text = element.text or ""
        if namespace != "0" or _REDIRECT.match(text):
            return None
        return Document(text, f"{self.path.name}: {title}", markup="wikitext")


class _PageReader:
    """Reads a dump as long as pages end: memory holds one page."""

    def __init__(self, file: IO[bytes], path: Path) -> None:
        self.since_page = 0
        self._file = file
        self._path = path

    def read(self, size: int = -1, /) -> bytes:
        chunk = self._file.read(size)
        self.since_page += len(chunk)
        if self.since_page > PAGE_BYTES:
            raise UserError(
                f"{self._path}: a page of more than {PAGE_BYTES >> 20} MiB; expected a dump of articles, such as "
                "idwiki-…-pages-articles.xml.bz2"
            )
        return chunk


def _local_name(element: ElementTree.Element) -> str:
    """The tag without the export format's XML namespace, which differs between versions."""
    return element.tag.rpartition("}")[2]
