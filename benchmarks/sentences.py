"""Sentences to embed, and a vocabulary for them."""

from __future__ import annotations

from pathlib import Path

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.data.readers import ConllReader, new_text
from elmo_xlstm.text import Tokenizer
from elmo_xlstm.text.tokenizer_training import WordPieceConfig, train_wordpiece

SAMPLE = Path(__file__).parents[1] / "tasks" / "sample"

Words = tuple[str, ...]


def read_sentences(path: Path | None) -> list[Words]:
    """Words of each sentence.

    Args:
        path: a CoNLL file (if its first line with content holds a tab; words in the first column), JSON lines, or
            plain text with one sentence a line; the bundled sample by default.

    Raises:
        UserError: there is no such file, or it holds no sentence.
    """
    if path is None:
        return [words for part in sorted((SAMPLE / "ner").glob("*.conll")) for words in read_sentences(part)]
    try:
        with open(path, encoding="utf-8") as file:
            first = next((line for line in file if line.strip()), "")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: cannot be read ({error}); expected CoNLL, JSON lines or plain text") from None
    if "\t" in first:
        columns = ConllReader.Config(tag_column=None).build(strict=False)
        return [sentence.words for sentence in columns.read(path).examples]
    return [sentence.words for sentence in new_text.read_sentences(path, strict=False)]


def evenly(sentences: list[Words], most: int | None) -> list[Words]:
    """``most`` sentences at equal distances, or all if there are no more."""
    if most is None or len(sentences) <= most:
        return sentences
    return [sentences[index * len(sentences) // most] for index in range(most)]


def make_tokenizer(vocab_size: int, sentences: list[Words]) -> Tokenizer:
    """A vocabulary of the bundled text and the sentences themselves, of ``vocab_size`` pieces at most."""
    running = (SAMPLE / "text" / "running.txt").read_text(encoding="utf-8").splitlines()
    return train_wordpiece(
        WordPieceConfig(vocab_size=vocab_size, lower_case=True), [*running, *(" ".join(words) for words in sentences)]
    )
