"""Pieces of words, by a tokenizer of the ``tokenizers`` library alone: nothing else is imported to split them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Sized
from dataclasses import dataclass
from typing import TYPE_CHECKING

from elmo_xlstm.text.characters import clean_characters

if TYPE_CHECKING:
    import tokenizers


@dataclass(frozen=True)
class WordPieces:
    """The pieces of one sentence's words, without special tokens.

    Attributes:
        input_ids: the ids of all pieces, in order.
        first: for each word, the index in ``input_ids`` of its first piece.
        last: for each word, the index in ``input_ids`` of its last piece (inclusive).
    """

    input_ids: list[int]
    first: list[int]
    last: list[int]

    def as_document(self, bos_id: int, eos_id: int) -> WordPieces:
        """The same words between the begin and the end of a document."""
        first, last = ([index + 1 for index in places] for places in (self.first, self.last))
        return WordPieces([bos_id, *self.input_ids, eos_id], first, last)


def prepare_backend(backend: tokenizers.Tokenizer) -> None:
    """Have a tokenizer add no special tokens, and read those that a text spells out as ordinary text."""
    backend.post_processor = None  # adds special tokens alone, of which nothing is wanted
    backend.encode_special_tokens = True  # a document that spells out "[SEP]" must not end there


def piece_ids(backend: tokenizers.Tokenizer, texts: Sequence[str]) -> list[list[int]]:
    """The piece ids of each text, without special tokens."""
    return [encoding.ids for encoding in backend.encode_batch_fast(list(texts), add_special_tokens=False)]


def clean_word(word: str, fix_unicode: bool | None) -> str:
    """A word as the texts of a corpus have it; as it is if ``fix_unicode`` is None."""
    return word if fix_unicode is None else " ".join(clean_characters(word, fix_unicode).split())


def word_pieces(
    encode: Callable[[list[str]], list[list[int]]],
    sentences: Sequence[Sequence[str]],
    unknown_id: int,
    fix_unicode: bool | None,
) -> list[WordPieces]:
    """Clean and split each word of each sentence on its own, and a word that comes again only once.

    A word that leaves no piece (empty, or nothing but control characters) becomes the unknown piece, so that every word
    has a first and a last piece.

    Args:
        encode: gives the piece ids of each text.
        sentences: words of each.
        unknown_id: of the unknown piece.
        fix_unicode: see :func:`clean_word`.

    Raises:
        TypeError: see :func:`check_sentences`.
    """
    check_sentences(sentences)
    distinct = list(dict.fromkeys(word for sentence in sentences for word in sentence))
    found_ids = encode([clean_word(word, fix_unicode) for word in distinct])
    pieces = {word: ids or [unknown_id] for word, ids in zip(distinct, found_ids, strict=True)}
    found = []
    for sentence in sentences:
        input_ids: list[int] = []
        first, last = [], []
        for word in sentence:
            first.append(len(input_ids))
            input_ids.extend(pieces[word])
            last.append(len(input_ids) - 1)
        found.append(WordPieces(input_ids, first, last))
    return found


def check_texts(texts: Iterable[str]) -> None:
    """Refuse one text in place of several, whose letters would be read as texts.

    Raises:
        TypeError: ``texts`` is a text.
    """
    if isinstance(texts, str):
        raise TypeError(f"expected a list of texts, not the text {_shown(texts)}; put it into a list: [text]")


def check_sentences(sentences: Sequence[Sequence[str]]) -> None:
    """Refuse what is no list of sentences in words; a text would be read letter by letter.

    Raises:
        TypeError: a text stands where words are expected, or something else than a text for a word.
    """
    for sentence in sentences if isinstance(sentences, Sized) and not isinstance(sentences, str) else [sentences]:
        if isinstance(sentence, str) or not isinstance(sentence, Sized):  # a generator can be read once only
            raise TypeError(
                f"expected sentences as lists of words, [['Presiden', 'tiba']], but found {_shown(sentence)} "
                f"({type(sentence).__name__}); for raw text there is encode([text]), or split a text into words first: "
                "[text.split()]"
            )
        for word in sentence:
            if not isinstance(word, str):
                raise TypeError(f"a word is a str, not {_shown(word)} ({type(word).__name__})")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
