"""Words of plain text, cut much as the benchmark's files are."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache
from typing import Literal, get_args

import regex

from elmo_xlstm.text.characters import clean_characters

Whole = Literal["url", "email", "mention", "hashtag", "amount", "emoticon"]
ALL: tuple[Whole, ...] = get_args(Whole)

# In the order in which they are tried. What is repeated has a bound where a mark that need not come must follow, so
# that the time is linear in the text's length.
WHOLE: dict[Whole, str] = {
    "url": r"""
        (?:
            (?i:https?://|ftp://|www\.)                                             # https://contoh.id/a?b=1
          | (?:[\p{L}\p{N}-]{1,63}\.){1,5}(?:com|edu|gov|id|info|net|org)(?![\p{L}\p{M}\p{N}_@])  # detik.com/a
        )
        (?:[^\s<>"]*[\p{L}\p{N}/=&\#_-])?
    """,
    "email": r"[\p{L}\p{N}._%+-]{1,64}@(?:[\p{L}\p{N}-]{1,63}\.){1,5}\p{L}{2,}",
    "mention": r"@[\p{L}\p{N}_]+(?:\.[\p{L}\p{N}_]+)*",
    "hashtag": r"\#[\p{L}\p{N}_][\p{L}\p{M}\p{N}_]*",
    "amount": r"""
        (?i:(?:rp|idr|usd|rm)\.?|(?:us|s|a)?[$€£¥])\d+(?:[.,]\d+)*(?:,-|\p{L}+)?    # Rp50.000  Rp.50.000,-  US$1.5jt
      | \d+(?:[.,]\d+)+\p{L}+                                                       # 1,5jt  50.000an
    """,
    "emoticon": r"""
        [<>]?[:;=][-~^]?['"]{0,2}(?:\(+|\)+|[][DdPpVv/\\|*])(?![\p{L}\p{N}/])       # :)  :-(((  ;P  :'(  =D
      | </?3+(?!\d) | \^[_.-]?\^ | -[_.]+- | >[_.]+< | \\o/ | ¯\\_\(ツ\)_/¯
    """,
}
WORD = r"""
    \d+(?:[.,:/-]\d+)*\p{Cf}*(?![\p{L}\p{M}\p{N}_])         # numbers with their inner marks: 1.500,25  12/05/2018  2-1
  | LETTER(?:[-'’]LETTER)*                                  # reduplications and apostrophes inside: anak-anak  jum'at
  | \.{2,}                                                  # an ellipsis
  | (?!\s)\X                                                # any other mark or emoji, with all that belongs to it
""".replace("LETTER", r"[\p{L}\p{N}_][\p{L}\p{M}\p{N}\p{Cf}_]*")  # with vowel signs, joiners, invisible marks


def split_words(text: str, keep_whole: Collection[Whole] = ALL) -> list[str]:
    """Split plain text at white space and punctuation.

    A character is cut from no mark that belongs to it: combining marks, vowel signs, joiners, variation selectors and
    the parts of an emoji. The words are then cleaned as a corpus is (:mod:`elmo_xlstm.text.characters`); of each
    character that is left, one word has it, in order.

    Args:
        text: of any length.
        keep_whole: what is one word though it holds punctuation: web addresses, e-mail addresses, @names, #tags,
            amounts of money and numbers with a unit, emoticons.
    """
    return [word for word, _, _ in locate_words(text, keep_whole)]


def locate_words(text: str, keep_whole: Collection[Whole] = ALL) -> list[tuple[str, int, int]]:
    """The words of :func:`split_words`, each with the places in the text where it begins and where it has ended."""
    found = _pattern(frozenset(keep_whole)).finditer(text)
    words = ((" ".join(clean_characters(match[0]).split()), *match.span()) for match in found)
    return [(word, start, end) for word, start, end in words if word]


def join_words(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """A text of words that were given one by one, and where each stands in it, without the blanks at its own ends."""
    places, end = [], 0
    for word in words:
        stripped = word.strip()
        start = end + word.find(stripped)
        places.append((start, start + len(stripped)))
        end += len(word) + 1
    return " ".join(words), places


@cache
def _pattern(keep_whole: frozenset[Whole]) -> regex.Pattern[str]:
    return regex.compile("|".join([*(WHOLE[kind] for kind in ALL if kind in keep_whole), WORD]), regex.VERBOSE)
