"""The characters of texts and words, made the same wherever a language model reads them."""

from __future__ import annotations

import re
import unicodedata

# Controls, soft hyphens, zero-width and direction marks, replacement and private characters, lone surrogates.
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
    "\u202a-\u202e\u2060-\u206f\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0f\ufeff\ufff0-\uffff"
    "\U000e0000-\U000e0fff\U000f0000-\U0010ffff]"
)
_LIGATURES_OR_WIDE = re.compile("[\u0132\u0133\u0149\u01f1-\u01f3\u01c4-\u01cc\ufb00-\ufb06\uff01-\uffee\u3000]")
# Mendable text always holds other characters: the first byte of a character in UTF-8 never reads as one of these.
_HARMLESS = frozenset(map(chr, [*range(0x80), 0xA0, *range(0x2010, 0x2028), *range(0x2030, 0x205F)]))


def clean_characters(text: str, fix_unicode: bool = True) -> str:
    r"""A text, or a word, as a corpus has it: lines end by ``\n``, what is invisible goes, ``fix_unicode`` mends."""
    text = limit_marks(text.replace("\r\n", "\n").replace("\r", "\n"))
    if fix_unicode and not text.isascii():
        text = _mend(text)
    text = _INVISIBLE.sub("", text)
    if fix_unicode and not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
    return text


def _mend(text: str) -> str:
    """Mend the lines that look broken: ftfy is too slow for all of them."""
    if _HARMLESS.issuperset(text):
        return text
    import ftfy  # slow to import, and few texts need it
    from ftfy.badness import is_bad

    if not is_bad(text) and not _LIGATURES_OR_WIDE.search(text):
        return text
    config = ftfy.TextFixerConfig(unescape_html=False, uncurl_quotes=False, remove_terminal_escapes=True, explain=False)
    return "\n".join(
        ftfy.fix_text(line, config) if is_bad(line) or _LIGATURES_OR_WIDE.search(line) else line
        for line in text.split("\n")
    )


MOST_MARKS = 30  # on one letter: as many as Unicode's stream-safe text format allows (UAX 15, section 13)
_RUN = re.compile(r"[^\s\w!-~]{100,}")  # marks are no letters


def limit_marks(text: str) -> str:
    """A text without the marks beyond thirty in a row, where there are a hundred or more.

    Normal forms order the marks of a letter, in a time that grows with the square of their number.
    """
    return text if text.isascii() else _RUN.sub(_shorten, text)


def _shorten(run: re.Match[str]) -> str:
    kept, marks = [], 0
    for character in run[0]:
        marks = marks + 1 if unicodedata.combining(character) else 0
        if marks <= MOST_MARKS:
            kept.append(character)
    return "".join(kept)
