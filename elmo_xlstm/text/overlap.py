"""Passages that texts share: runs of words, and whole sentences.

Texts are compared in normal form: Unicode's compatibility composition (NFKC), lower-cased, cut into runs of letters and
digits, so that neither casing, punctuation, white space nor the way a data set was split into words matters.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import Field

from elmo_xlstm.config import Settings
from elmo_xlstm.text.characters import limit_marks
from elmo_xlstm.text.sources.files import find_files, fingerprint_files

_WORD = re.compile(r"[^\W_]+")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+|\n")


@dataclass(frozen=True)
class Match:
    """The words ``start`` to ``stop`` (exclusive) of a text, a passage that an indexed text has too, in normal form."""

    start: int
    stop: int
    passage: str


def normal_words(text: str) -> list[str]:
    """The words of a text in normal form."""
    return _WORD.findall(unicodedata.normalize("NFKC", limit_marks(text)).lower())


def sentences(text: str) -> list[list[str]]:
    """The words in normal form of each sentence; a line's end ends a sentence, too."""
    return [normal_words(sentence) for sentence in _SENTENCE_END.split(text)]


class PassageIndex:
    """The runs of ``ngram`` words, and the shorter whole sentences, of some texts.

    Args:
        ngram: words of a run.
        sentence_words: sentences of at least so many words, and fewer than ``ngram``, count as passages where they are
            a whole sentence in both texts; longer sentences are found by their runs.
    """

    def __init__(self, ngram: int = 13, sentence_words: int = 8) -> None:
        self.ngram = ngram
        self.sentence_words = sentence_words
        self._runs: dict[str, set[int]] = defaultdict(set)
        self._sentences: dict[str, set[int]] = defaultdict(set)

    def __len__(self) -> int:
        """Number of distinct passages."""
        return len(self._runs) + len(self._sentences)

    def add(self, text: str, number: int = 0) -> None:
        """Index a text; ``number`` is what :meth:`numbers` tells of its passages."""
        words = normal_words(text)
        for start in range(len(words) - self.ngram + 1):
            self._runs[" ".join(words[start : start + self.ngram])].add(number)
        for sentence in sentences(text):
            if self.sentence_words <= len(sentence) < self.ngram:
                self._sentences[" ".join(sentence)].add(number)

    def numbers(self, passage: str) -> set[int]:
        """The numbers of the indexed texts that have a passage."""
        return self._runs.get(passage, set()) | self._sentences.get(passage, set())

    def find(self, text: str) -> list[Match]:
        """All passages of ``text`` that are indexed; positions count words in normal form, line by line."""
        words = normal_words(text)
        found = []
        for start in range(len(words) - self.ngram + 1):
            run = " ".join(words[start : start + self.ngram])
            if run in self._runs:
                found.append(Match(start, start + self.ngram, run))
        if len(words) < self.sentence_words:
            return found
        # Sentences as the lines have them, and as they are once the lines are joined.
        for whole in dict.fromkeys((text, " ".join(text.split()))):
            start = 0
            for sentence in sentences(whole):
                passage = " ".join(sentence)
                if self.sentence_words <= len(sentence) < self.ngram and passage in self._sentences:
                    found.append(Match(start, start + len(sentence), passage))
                start += len(sentence)
        return found

    def drop_lines(self, text: str) -> tuple[str, int]:
        """A text without the lines that share a passage; a run over a line's end takes all lines it is on."""
        lines = text.splitlines()
        count = len(lines)
        while lines and (matches := self.find("\n".join(lines))):
            owners = [number for number, line in enumerate(lines) for _ in normal_words(line)]
            bad = {owner for match in matches for owner in owners[match.start : match.stop]}
            lines = [line for number, line in enumerate(lines) if number not in bad]
        dropped = count - len(lines)
        return ("\n".join(lines), dropped) if dropped else (text, 0)


class Exclusion(Settings):
    """Texts whose passages are to stay out of a corpus: the evaluation data."""

    paths: list[str] = Field(min_length=1)
    """Text files and globs, a text a line."""
    ngram: int = Field(default=13, ge=2)
    """Lines that share so many consecutive words with one of the texts are dropped."""
    sentence_words: int = Field(default=8, ge=1)
    """So are lines with a whole sentence of at least so many words that is a sentence of one of the texts."""

    def build(self) -> PassageIndex:
        """Index the files."""
        index = PassageIndex(self.ngram, self.sentence_words)
        for text in self.texts():
            index.add(text)
        return index

    def texts(self) -> Iterator[str]:
        """The lines of the files."""
        from elmo_xlstm.text.sources.local import LocalSource

        return (document.text for document in LocalSource.Config(paths=self.paths, documents="line").build())

    def fingerprint(self) -> dict[str, object]:
        """The settings, and each file's name, size and hash."""
        return {**self.model_dump(exclude={"paths"}), "files": fingerprint_files(find_files(self.paths))}
