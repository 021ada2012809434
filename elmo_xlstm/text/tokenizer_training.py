"""Training a WordPiece vocabulary, on texts or as an experiment with sources and cleaning."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import tokenizers
from pydantic import Field
from tokenizers import models, trainers

from elmo_xlstm.config import Settings
from elmo_xlstm.errors import UserError
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.runs.run_directory import RunSettings
from elmo_xlstm.text.cleaning import Cleaner
from elmo_xlstm.text.pieces import check_texts
from elmo_xlstm.text.sources import sources as text_sources
from elmo_xlstm.text.tokenizer import SETTINGS_FILE, TOKENIZER_FILE, Tokenizer
from elmo_xlstm.text.tokenizer_definition import bert_tokenizer, set_lower_case

SPECIAL_TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS_PER_TEXT = 1000


class WordPieceConfig(Settings):
    """A WordPiece vocabulary to be trained."""

    vocab_size: int = Field(default=32_000, gt=len(SPECIAL_TOKENS))
    """Number of pieces at most, special tokens and single characters included."""
    min_frequency: int = Field(default=2, ge=1)
    """Pairs of pieces seen less often are not merged."""
    lower_case: bool
    """Lower-case the text; stored with the tokenizer."""
    alphabet_limit: int = Field(default=1000, ge=1)
    """Single characters kept, the most frequent first; others become the unknown piece."""


def train_wordpiece(config: WordPieceConfig, texts: Iterable[str]) -> Tokenizer:
    """Train a vocabulary the way BERT's are (``BertWordPieceTokenizer`` of the tokenizers library).

    The texts are streamed; only the counts of distinct words are held in memory. The same texts, in
    any order, and the same settings give the same vocabulary. Ids 0 to 4 are [PAD], [UNK], [CLS],
    [SEP] and [MASK].

    Raises:
        TypeError: ``texts`` is one text.
        UserError: the texts hold no word, or ``vocab_size`` has no room for their characters.
    """
    check_texts(texts)
    untrained = json.loads(bert_tokenizer(models.WordPiece({}, unk_token="[UNK]")).to_str())
    splitter = tokenizers.Tokenizer.from_str(json.dumps(set_lower_case(untrained, config.lower_case)[0]))
    words = _count_words(splitter, texts)
    if not words:
        raise UserError("no word piece was learnt: the texts are empty; check the sources and their cleaning settings")
    alphabet = _alphabet(words, config.alphabet_limit)
    kept = set(alphabet)
    continuing = sorted({character for word in words for character in word[1:]} & kept)
    # The library numbers continuing characters in the order of a randomly seeded hash map and breaks
    # ties between merges by number, so two runs would differ: the numbers are given out here first.
    first_ids = SPECIAL_TOKENS + alphabet + [f"##{character}" for character in continuing]
    if len(first_ids) > config.vocab_size:
        raise UserError(
            f"vocab_size={config.vocab_size} is less than the {len(first_ids)} special tokens and single characters "
            "of the texts; raise vocab_size or lower alphabet_limit"
        )
    trainer = trainers.WordPieceTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.min_frequency,
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        special_tokens=first_ids,
        continuing_subword_prefix="##",
        show_progress=False,
    )
    splitter.train_from_iterator(_repeated(words), trainer=trainer)
    vocabulary = splitter.get_vocab(with_added_tokens=True)
    backend = bert_tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    backend.add_special_tokens(SPECIAL_TOKENS)
    definition = json.loads(backend.to_str())
    definition["normalizer"]["lowercase"] = config.lower_case
    return Tokenizer(definition, config.lower_case, origin="trained WordPiece tokenizer")


def _count_words(splitter: tokenizers.Tokenizer, texts: Iterable[str]) -> dict[str, int]:
    """The count of each word, after normalisation and splitting at punctuation; sorted."""
    chunks: Counter[str] = Counter()
    for text in texts:
        chunks.update(text.split())
    words: Counter[str] = Counter()
    for chunk, count in chunks.items():
        for word, _ in splitter.pre_tokenizer.pre_tokenize_str(splitter.normalizer.normalize_str(chunk)):
            words[word] += count
    return dict(sorted(words.items()))


def _alphabet(words: Mapping[str, int], limit: int) -> list[str]:
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            counts[character] += count
    return sorted(sorted(counts, key=lambda character: (-counts[character], character))[:limit])


def _repeated(words: Mapping[str, int]) -> Iterator[str]:
    """Each word as often as it was counted: the library counts for itself."""
    for word, count in words.items():
        for start in range(0, count, WORDS_PER_TEXT):
            yield " ".join([word] * min(WORDS_PER_TEXT, count - start))


class TokenizerSettings(RunSettings):
    """A vocabulary to be trained."""

    kind: ClassVar[str] = "tokenizer"
    written: ClassVar[tuple[str, ...]] = (TOKENIZER_FILE, SETTINGS_FILE)

    sources: list[Annotated[Any, text_sources]] = Field(min_length=1)
    """Where the documents come from; their shares and repeats weigh the words."""
    cleaning: Cleaner.Config = Cleaner.Config()
    wordpiece: WordPieceConfig
    output: str = "runs/tokenizer"
    """Directory of the tokenizer."""


def run_tokenizer_training(settings: TokenizerSettings, directory: Path, progress: Progress | None = None) -> Tokenizer:
    """Train a vocabulary and save it in the directory of an open run."""
    sources = [source.build() for source in settings.sources]
    cleaner = settings.cleaning.build()

    def texts() -> Iterator[str]:
        with (progress or NullProgress()).task("read documents") as work:
            for weights, source in zip(settings.sources, sources, strict=True):
                for document in source:
                    work.advance()
                    if not weights.uses(document.text):
                        continue
                    cleaned = cleaner.clean_document(document)
                    if isinstance(cleaned, str):
                        yield from itertools.repeat(cleaned, weights.repeat)

    tokenizer = train_wordpiece(settings.wordpiece, texts())
    tokenizer.save(directory)
    return tokenizer
