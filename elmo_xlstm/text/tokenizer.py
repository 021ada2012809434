"""Word pieces, and which word each belongs to."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tokenizers

from elmo_xlstm.config import Settings
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import write_atomically
from elmo_xlstm.runs.files import read_json
from elmo_xlstm.text.pieces import WordPieces, check_texts, piece_ids, prepare_backend, word_pieces
from elmo_xlstm.text.tokenizer_definition import check_components, read_definition, set_lower_case

logger = logging.getLogger(__name__)

TOKENIZER_FILE = "tokenizer.json"
SETTINGS_FILE = "tokenizer_settings.json"
GPT2 = "<|endoftext|>"  # its only special token; of bytes none is unknown, and padding is masked
SPECIAL_TOKENS = {
    "pad_id": ("[PAD]", "<pad>", GPT2),
    "unk_id": ("[UNK]", "<unk>", GPT2),
    "bos_id": ("[CLS]", "<s>", GPT2),
    "eos_id": ("[SEP]", "</s>", GPT2),
}


class Tokenizer:
    """Splits texts and words into pieces of a fixed vocabulary.

    Nothing is ever truncated or padded, and special tokens that are spelt out in a text are read as
    ordinary text. Whether text is lower-cased is the ``lower_case`` setting alone, whatever the
    source says; BERT's normaliser never strips accents here.

    Attributes:
        vocab_size: number of ids, special tokens included.
        pad_id: id of ``[PAD]``.
        unk_id: id of ``[UNK]``.
        bos_id: id of ``[CLS]``, the begin of a document.
        eos_id: id of ``[SEP]``, the end of a document.
        lower_case: whether text is lower-cased.
        fix_unicode: how words are cleaned before they are split: as the texts of a corpus with that setting of its
            cleaning, or, if None, not at all. Texts are clean already.
        fingerprint: SHA-256 (hex) over the serialised tokenizer and ``lower_case``, which say what becomes of a text.

    Raises:
        UserError: a special token is missing from the vocabulary or ``definition`` is no tokenizer.
    """

    class Config(Settings):
        """A vocabulary and its casing."""

        name: str
        """A directory, a tokenizer.json, a WordPiece vocab.txt or the name of a tokenizer on the Hugging Face hub."""
        revision: str | None = None
        """Commit, tag or branch on the hub; only for hub names."""
        lower_case: bool
        """Lower-case all text before it is split; overrides what the tokenizer itself says."""

        def build(self) -> Tokenizer:
            """Load the tokenizer."""
            saved = Path(self.name).expanduser()
            if (saved / SETTINGS_FILE).is_file() and (saved / TOKENIZER_FILE).is_file():
                Tokenizer.load(saved)  # compares it with its fingerprint
            return Tokenizer(read_definition(self.name, self.revision), self.lower_case, origin=self.name)

    def __init__(
        self,
        definition: dict[str, Any],
        lower_case: bool,
        origin: str = "tokenizer",
        fix_unicode: bool | None = None,
    ) -> None:
        try:
            check_components(definition)
            definition, source_lower_cases = set_lower_case(definition, lower_case)
        except ValueError as error:
            raise UserError(f"{origin}: {error}; a text could take all time or memory, use another tokenizer") from None
        except (AttributeError, KeyError, TypeError, RecursionError):
            raise UserError(
                f"{origin}: normalizer or pre_tokenizer is not as in a tokenizer.json; restore the file"
            ) from None
        if source_lower_cases is not None and source_lower_cases != lower_case:
            logger.warning(
                "%s says lower_case=%s; lower_case=%s is used as set", origin, source_lower_cases, lower_case
            )
        definition["truncation"] = definition["padding"] = None
        self._serialised = json.dumps(definition, ensure_ascii=False, sort_keys=True)
        self._origin = origin
        with self._mistakes(Exception):  # the library raises plain Exception
            self._backend = tokenizers.Tokenizer.from_str(self._serialised)
            prepare_backend(self._backend)
            self._backend.encode("\u2603 zz")  # an unknown piece that is not in the vocabulary shows only here
        vocabulary = self._backend.get_vocab(with_added_tokens=True)
        self.vocab_size: int = max(vocabulary.values(), default=-1) + 1
        self.pad_id, self.unk_id, self.bos_id, self.eos_id = _special_ids(vocabulary, origin)
        self.lower_case = lower_case
        self.fix_unicode = fix_unicode
        self.fingerprint = hashlib.sha256(f"{self._serialised}\nlower_case={lower_case}".encode()).hexdigest()

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel to worker processes as text."""
        return Tokenizer, (json.loads(self._serialised), self.lower_case, "tokenizer", self.fix_unicode)

    def piece(self, index: int) -> str:
        """The piece that has an id."""
        return str(self._backend.id_to_token(index))

    def encode_texts(self, texts: Sequence[str]) -> list[list[int]]:
        """The piece ids of each text, without special tokens; UserError if the tokenizer turns out to be damaged."""
        check_texts(texts)
        with self._mistakes():
            return piece_ids(self._backend, texts)

    @contextmanager
    def _mistakes(self, *kinds: type[Exception]) -> Iterator[None]:
        """Say that the definition is damaged where the library raises these, or panics, which is no Exception."""
        try:
            yield
        except BaseException as error:
            if not isinstance(error, kinds) and type(error).__name__ != "PanicException":
                raise
            raise UserError(
                f"{self._origin}: cannot be read as a tokenizer.json: {str(error)[:500]}; restore the file"
            ) from None

    def unknown_characters(self, text: str) -> int:
        """Number of characters of a text that the unknown piece stands for."""
        encoding = self._backend.encode(text, add_special_tokens=False)
        found = zip(encoding.ids, encoding.offsets, strict=True)
        return sum(stop - start for piece, (start, stop) in found if piece == self.unk_id)

    def encode_sentences(self, sentences: Sequence[Sequence[str]]) -> list[WordPieces]:
        """See :func:`~elmo_xlstm.text.pieces.word_pieces`."""
        return word_pieces(self.encode_texts, sentences, self.unk_id, self.fix_unicode)

    def encode_words(self, sentence: Sequence[str]) -> WordPieces:
        """The same for one sentence."""
        return self.encode_sentences([sentence])[0]

    def save(self, directory: str | Path) -> None:
        """Write ``tokenizer.json`` and ``tokenizer_settings.json`` into ``directory`` (made if missing)."""
        directory = Path(directory)
        settings: dict[str, Any] = {"fingerprint": self.fingerprint, "lower_case": self.lower_case}
        if self.fix_unicode is not None:  # older models lack it
            settings["fix_unicode"] = self.fix_unicode
        write_atomically(directory / TOKENIZER_FILE, self._serialised.encode())
        write_atomically(directory / SETTINGS_FILE, (json.dumps(settings, indent=2) + "\n").encode())

    @staticmethod
    def load(directory: str | Path) -> Tokenizer:
        """Read what :meth:`save` wrote; UserError if it is missing or unreadable, or is not what was saved."""
        directory = Path(directory)
        settings_path = directory / SETTINGS_FILE
        try:
            settings = read_json(settings_path)
            lower_case, fingerprint = bool(settings["lower_case"]), settings["fingerprint"]
            fix_unicode = settings.get("fix_unicode")
            if fix_unicode not in (None, True, False):
                raise ValueError("fix_unicode is true, false or not there")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{settings_path}: expected the settings of a saved tokenizer ({type(error).__name__}: {error}); "
                "save the tokenizer again, or name its directory in a configuration with lower_case set"
            ) from None
        path = directory / TOKENIZER_FILE
        tokenizer = Tokenizer(read_definition(str(path)), lower_case, str(path), fix_unicode)
        if tokenizer.fingerprint != fingerprint:
            raise UserError(f"{path}: has changed since it was saved with {SETTINGS_FILE}; restore it from its source")
        return tokenizer


def _special_ids(vocabulary: dict[str, int], origin: str) -> list[int]:
    ids, missing = [], []
    for names in SPECIAL_TOKENS.values():
        found = [vocabulary[name] for name in names if name in vocabulary]
        ids.extend(found[:1])
        missing.extend([] if found else [" or ".join(names[:2])])
    if missing:
        raise UserError(
            f"{origin}: the vocabulary lacks the special token {', '.join(missing)}; "
            f"a vocabulary with [PAD], [UNK], [CLS] and [SEP] (or <pad>, <unk>, <s> and </s>, or {GPT2}) is needed"
        )
    return ids
