"""From examples to batches of tensors: words, labelled texts, and questions with passages."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor
from typing_extensions import Self

from elmo_xlstm.embedding.pieces import PieceBatch
from elmo_xlstm.modules.shared_words import overlap, shared_runs
from elmo_xlstm.modules.tag_scheme import TagScheme
from elmo_xlstm.modules.vocabulary import Vocabulary
from elmo_xlstm.text import WordPieces

MAX_CHARACTERS = 64  # of a word; a web address of a thousand characters would widen the tensor of the whole batch

Part = TypeVar("Part")


class Sentence(NamedTuple):
    """One text, split into words.

    Attributes:
        words: at least one.
        tags: one per word, or None where they are not known.
        layers: (words, num_layers, D) vectors of a frozen language model, or None.
        pieces: input of a fine-tuned language model, or None.
    """

    words: Sequence[str]
    tags: Sequence[str] | None = None
    layers: np.ndarray | None = None
    pieces: WordPieces | None = None


class LabelledExample(NamedTuple):
    """One text or a pair, with its labels.

    Attributes:
        texts: one, or two for a pair.
        labels: one for each aspect, or just one; None where they are not known.
    """

    texts: tuple[Sentence, ...]
    labels: Sequence[str] | None = None


class Question(NamedTuple):
    """A question and its passage.

    Attributes:
        question: without tags.
        passage: with tags for training.
    """

    question: Sentence
    passage: Sentence


class Batch:
    """Base of the batches: dataclasses of tensors, of other batches, or of tuples of them."""

    def to(self, device: torch.device | str) -> Self:
        """The same batch on another device."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return type(self)(**{field.name: _move(getattr(self, field.name), device) for field in fields})


@dataclass
class WordBatch(Batch):
    """Features and tags of sentences, padded on the right; every sentence has at least one word.

    Attributes:
        mask: (B, L) bool, true at words.
        layers: (B, L, num_layers, D) vectors of a frozen language model, or None.
        words: (B, L) int64 word ids, padding 0, or None.
        characters: (B, L, C) int64 character ids, padding 0, or None.
        tags: (B, L) int64 tag ids, padding 0, or None.
        pieces: input of a fine-tuned language model for the B sentences, or None.

    Raises:
        ValueError: a tensor does not begin with (B, L) or has the wrong number of dimensions, or the pieces are of
            another number of sentences.
    """

    mask: Tensor
    layers: Tensor | None = None
    words: Tensor | None = None
    characters: Tensor | None = None
    tags: Tensor | None = None
    pieces: PieceBatch | None = None

    def __post_init__(self) -> None:
        dimensions = {"layers": 4, "words": 2, "characters": 3, "tags": 2}
        if self.mask.dim() != 2:
            raise ValueError(f"mask is (batch, length), not {tuple(self.mask.shape)}")
        for name, count in dimensions.items():
            tensor: Tensor | None = getattr(self, name)
            if tensor is not None and (tensor.dim() != count or tensor.shape[:2] != self.mask.shape):
                raise ValueError(
                    f"{name} has shape {tuple(tensor.shape)}; expected {count} dimensions that begin with "
                    f"{tuple(self.mask.shape)}, as the mask has"
                )
        if self.pieces is not None and len(self.pieces) != len(self):
            raise ValueError(f"pieces of {len(self.pieces)} sentences, but the mask is of {len(self)}")

    def __len__(self) -> int:
        """Sentences in the batch."""
        return self.mask.shape[0]


@dataclass
class LabelledBatch(Batch):
    """Texts or pairs with labels.

    Attributes:
        texts: the first texts of all examples, then the second ones if they are pairs.
        labels: (B, A) int64 for A aspects, or None.
        overlaps: (B, 7) float32 of pairs, see :data:`~elmo_xlstm.modules.shared_words.OVERLAP`; None of single texts.
    """

    texts: tuple[WordBatch, ...]
    labels: Tensor | None = None
    overlaps: Tensor | None = None

    def __len__(self) -> int:
        """Examples in the batch."""
        return len(self.texts[0])


@dataclass
class QuestionBatch(Batch):
    """Questions and passages; row i of one belongs to row i of the other.

    Attributes:
        question: (B, Q) words.
        passage: (B, L) words.
        runs: (B, L) int64, for each passage word, the words of the longest sequence through it that the question
            holds too, in any casing; 0 at padding and at words that it does not hold.
    """

    question: WordBatch
    passage: WordBatch
    runs: Tensor

    def __len__(self) -> int:
        """Questions in the batch."""
        return len(self.passage)


class WordCollator:
    """Makes a :class:`WordBatch` of sentences; holds the vocabularies and the tag scheme.

    Args:
        scheme: encodes tags; None where sentences have none.
        words: word vocabulary, or None if the head has no word vectors.
        characters: character vocabulary, or None if the head has no character features.
    """

    def __init__(
        self, scheme: TagScheme | None, words: Vocabulary | None = None, characters: Vocabulary | None = None
    ) -> None:
        self.scheme = scheme
        self.words = words
        self.characters = characters

    def __call__(self, sentences: Sequence[Sentence]) -> WordBatch:
        """Encode and pad sentences.

        Args:
            sentences: in which either all or none have tags, and likewise layers and pieces. Of a word longer than 64
                characters the first and the last 32 are kept.

        Raises:
            ValueError: a sentence is empty; tags, layers or pieces do not match the words or are there for some
                sentences only.
            UserError: a tag was not declared or breaks the scheme.
        """
        _check(sentences)
        lengths = torch.tensor([len(sentence.words) for sentence in sentences])
        length = int(lengths.max())
        tags = [sentence.tags for sentence in sentences if sentence.tags is not None]
        pieces = [sentence.pieces for sentence in sentences if sentence.pieces is not None]
        if tags and self.scheme is None:
            raise ValueError("the sentences have tags, but there is no scheme to encode them with")
        return WordBatch(
            mask=torch.arange(length) < lengths.unsqueeze(1),
            layers=_pad([sentence.layers for sentence in sentences if sentence.layers is not None], length),
            words=_pad([self.words.encode(s.words) for s in sentences], length) if self.words is not None else None,
            characters=self._encode_characters(sentences, length, self.characters) if self.characters else None,
            tags=_pad([self.scheme.encode(row) for row in tags], length) if self.scheme is not None else None,
            pieces=PieceBatch.of(pieces) if pieces else None,
        )

    @staticmethod
    def _encode_characters(sentences: Sequence[Sentence], length: int, characters: Vocabulary) -> Tensor:
        """(B, L, C)."""
        half = MAX_CHARACTERS // 2
        rows: list[list[int]] = []
        for sentence in sentences:
            words = [word if len(word) <= MAX_CHARACTERS else word[:half] + word[-half:] for word in sentence.words]
            rows += [characters.encode(word) for word in words] + [[]] * (length - len(words))
        return needed(_pad(rows, max(1, *map(len, rows))), "words").view(len(sentences), length, -1)


class LabelCollator:
    """Makes a :class:`LabelledBatch` of examples.

    Args:
        labels: all labels, in order of their ids.
        words: word vocabulary, or None if the head has no word vectors.
        characters: character vocabulary, or None if the head has no character features.
    """

    def __init__(
        self, labels: Sequence[str], words: Vocabulary | None = None, characters: Vocabulary | None = None
    ) -> None:
        self._ids = {label: index for index, label in enumerate(labels)}
        self._collate = WordCollator(None, words, characters)

    def __call__(self, examples: Sequence[LabelledExample]) -> LabelledBatch:
        """Encode and pad examples.

        Raises:
            ValueError: a text is empty, a label unknown, examples differ in the number of texts or labels, or some
                have labels and some have none.
        """
        texts = zip(*(example.texts for example in examples), strict=True)
        known = [example.labels for example in examples if example.labels is not None]
        if len(known) not in (0, len(examples)):
            raise ValueError("some examples of the batch have labels and some have none")
        unknown = {label for labels in known for label in labels} - self._ids.keys()
        if unknown:
            raise ValueError(f"label '{min(unknown)}' is not among {', '.join(self._ids)}")
        pairs = [[text.words for text in example.texts] for example in examples if len(example.texts) == 2]
        return LabelledBatch(
            tuple(self._collate(column) for column in texts),
            torch.tensor([[self._ids[label] for label in labels] for labels in known]) if known else None,
            torch.tensor([overlap(*pair) for pair in pairs]) if pairs else None,
        )


class QuestionCollator:
    """Makes a :class:`QuestionBatch` of questions.

    Args:
        words: encodes the words of both texts, and the passages' tags.
    """

    def __init__(self, words: WordCollator) -> None:
        self.words = words

    def __call__(self, questions: Sequence[Question]) -> QuestionBatch:
        """Encode and pad; see :class:`WordCollator` for errors."""
        passage = self.words([question.passage for question in questions])
        runs = torch.zeros_like(passage.mask, dtype=torch.long)
        for row, question in zip(runs, questions, strict=True):
            asked, words = ([word.lower() for word in text.words] for text in question)
            row[: len(words)] = torch.tensor(shared_runs(words, asked))
        return QuestionBatch(self.words([question.question for question in questions]), passage, runs)


def sentence_lengths(mask: Tensor) -> Tensor:
    """Words per sentence of a right-padded mask.

    Args:
        mask: (B, L) bool, true at words.

    Returns:
        (B,) int64 on the device of ``mask``.

    Raises:
        ValueError: the mask is not bool or not (B, L), a sentence has no word, or padding comes before a word.
    """
    if mask.dtype != torch.bool or mask.dim() != 2 or mask.shape[0] == 0:
        raise ValueError(f"a mask is bool and (batch, length), not {mask.dtype} and {tuple(mask.shape)}")
    lengths = mask.sum(dim=1)  # (B,)
    if torch.compiler.is_exporting():  # where values are not known
        return lengths
    if bool((lengths == 0).any()):
        raise ValueError(f"sentence {int((lengths == 0).nonzero()[0])} of the batch has no words")
    right_padded = torch.arange(mask.shape[1], device=mask.device) < lengths.unsqueeze(1)  # (B, L)
    if not torch.equal(mask, right_padded):
        row = int((mask != right_padded).any(dim=1).nonzero()[0])
        raise ValueError(f"sentence {row} of the batch has padding before its last word; masks are right-padded")
    return lengths


def needed(part: Part | None, name: str) -> Part:
    """A part of a batch that a head cannot do without.

    Raises:
        ValueError: it is missing.
    """
    if part is None:
        raise ValueError(f"the batch has no {name}, which this head needs")
    return part


def _move(part: Any, device: torch.device | str) -> Any:
    if isinstance(part, tuple):
        return tuple(_move(item, device) for item in part)
    return None if part is None else part.to(device)


def _check(sentences: Sequence[Sentence]) -> None:
    """Refuse sentences that are empty or do not fit together; see :meth:`WordCollator.__call__`."""
    for number, sentence in enumerate(sentences):
        if not sentence.words:
            raise ValueError(f"sentence {number} of the batch has no words")
        pieces = sentence.pieces.first if sentence.pieces is not None else None  # one for each word
        for name, part in (("tags", sentence.tags), ("layers", sentence.layers), ("pieces", pieces)):
            if (part is None) != (getattr(sentences[0], name) is None):
                raise ValueError(f"some sentences of the batch have {name} and some have none")
            if part is not None and len(part) != len(sentence.words):
                raise ValueError(f"sentence {number} has {len(sentence.words)} words but {len(part)} {name}")


def _pad(rows: Sequence[Sequence[int] | np.ndarray], length: int) -> Tensor | None:
    """Ids, or vectors in their type, padded with 0 to (rows, length, …); None without rows."""
    if not rows:
        return None
    first = rows[0] if isinstance(rows[0], np.ndarray) else np.empty(0, dtype=np.int64)
    padded = np.zeros((len(rows), length, *first.shape[1:]), dtype=first.dtype)
    for row, values in zip(padded, rows, strict=True):
        row[: len(values)] = values
    return torch.from_numpy(padded)
