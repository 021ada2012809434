"""The content of a ``tokenizer.json``: read from files or the hub, checked for hostile steps, and set to a casing."""

from __future__ import annotations

import base64
import copy
import json
from pathlib import Path
from typing import Any

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.files import check_directory, read_file


def read_definition(name: str, revision: str | None = None) -> dict[str, Any]:
    """The content of a ``tokenizer.json`` from a directory, a file or the hub; UserError if nothing usable is there."""
    path = Path(name).expanduser()
    if path.is_file():
        return _read_file(path)
    if path.is_dir():
        for file_name in ("tokenizer.json", "vocab.txt"):
            if (path / file_name).is_file():
                return _read_file(path / file_name)
        check_directory(path)
        return _read_with_transformers(str(path), revision)
    looks_local = name.startswith((".", "/", "~")) or name.endswith((".json", ".txt")) or name.count("/") > 1
    if looks_local:
        raise UserError(
            f"tokenizer '{name}': no such file or directory; expected a directory with tokenizer.json, "
            "a tokenizer.json, a vocab.txt, or the name of a tokenizer on the Hugging Face hub"
        )
    return _read_with_transformers(name, revision)


def _read_file(path: Path) -> dict[str, Any]:
    try:
        text = read_file(path, within=Path(path.absolute().anchor)).decode("utf-8-sig")  # the user may name a link
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: is not UTF-8 (byte {error.start}); expected tokenizer.json or vocab.txt") from None
    except ValueError as error:
        raise UserError(f"{path}: {error}; expected tokenizer.json or vocab.txt") from None
    if path.suffix == ".json":
        try:
            definition = json.loads(text)
        except ValueError as error:
            raise UserError(f"{path}: is no valid JSON: {error}; restore the file") from None
        except RecursionError:
            raise UserError(f"{path}: is nested too deeply to be a tokenizer.json; restore the file") from None
        if not isinstance(definition, dict) or "model" not in definition:
            raise UserError(
                f"{path}: is no tokenizer.json of the tokenizers library (it has no 'model'); restore the file"
            )
        return definition
    return _wordpiece_definition(text, path)


def _wordpiece_definition(text: str, path: Path) -> dict[str, Any]:
    """A BERT-style WordPiece tokenizer from a vocabulary with one piece a line."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    vocabulary: dict[str, int] = {}
    for index, line in enumerate(lines):
        piece = line.rstrip("\r")
        if piece in vocabulary:
            raise UserError(
                f"{path}:{index + 1}: '{piece}' was on line {vocabulary[piece] + 1} already; expected one piece a line"
            )
        vocabulary[piece] = index
    unknown = next((token for token in ("[UNK]", "<unk>") if token in vocabulary), None)
    if unknown is None:
        raise UserError(f"{path}: has no line [UNK]; expected a WordPiece vocabulary, one piece a line")
    tokenizer = bert_tokenizer(models.WordPiece(vocabulary, unk_token=unknown))
    special = [token for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]") if token in vocabulary]
    tokenizer.add_special_tokens(special)
    definition = json.loads(tokenizer.to_str())
    del definition["normalizer"]["lowercase"]  # a vocabulary says nothing of casing: the setting does
    found: dict[str, Any] = definition
    return found


def bert_tokenizer(model: models.Model) -> tokenizers.Tokenizer:
    """BERT's normaliser, pre-tokenizer and decoder around a WordPiece model; casing is kept."""
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return tokenizer


def _read_with_transformers(name: str, revision: str | None) -> dict[str, Any]:
    from transformers import AutoTokenizer  # slow to import, and only hub names need it

    advice = (
        "use a directory with tokenizer.json, a tokenizer.json or a vocab.txt instead, "
        "or train one with 'python cli.py tokenizer CONFIG'"
    )
    try:
        loaded = AutoTokenizer.from_pretrained(
            name, revision=revision or "main", use_fast=True, trust_remote_code=False
        )
    except Exception as error:  # missing names, missing network and missing packages all differ in type
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise UserError(
            f"tokenizer '{name}': no such file, and it cannot be loaded from the Hugging Face hub ({reason}); {advice}"
        ) from None
    backend = getattr(loaded, "backend_tokenizer", None)
    if backend is None:
        raise UserError(f"tokenizer '{name}': has no fast version (tokenizer.json); {advice}")
    definition: dict[str, Any] = json.loads(backend.to_str())
    return definition


def set_lower_case(definition: dict[str, Any], lower_case: bool) -> tuple[dict[str, Any], bool | None]:
    """A copy of a ``tokenizer.json`` that lower-cases if and only if ``lower_case``, and what it said of casing before.

    BERT's normaliser has its own switch, and its ``strip_accents`` is set to false: left unset it
    would follow the casing. Of other normalisers, ``Lowercase`` steps are removed, and one is put in
    front if wanted. Byte-level pre-tokenizers get their prefix space, so that a word on its own has
    the pieces it has inside a text.
    """
    changed = copy.deepcopy(definition)
    said: bool | None = None  # casing that is no own step
    kept, has_bert = [], False
    for step in steps(changed.get("normalizer")):
        if step.get("type") == "Lowercase":
            said = True
            continue
        if step.get("type") == "BertNormalizer":
            said, has_bert = step.get("lowercase") if said is None else said, True
            step |= {"lowercase": lower_case, "strip_accents": False}
        kept.append(step)
    if lower_case and not has_bert:
        kept.insert(0, {"type": "Lowercase"})
    changed["normalizer"] = {"type": "Sequence", "normalizers": kept} if len(kept) > 1 else next(iter(kept), None)
    for step in steps(changed.get("pre_tokenizer"), "pretokenizers"):
        if step.get("type") == "ByteLevel":
            step["add_prefix_space"] = True
    return changed, said


def steps(part: Any, key: str = "normalizers") -> list[dict[str, Any]]:
    """The steps of a normaliser or pre-tokenizer, nested sequences laid flat."""
    if part is None:
        return []
    if part.get("type") == "Sequence":
        return [step for inner in part[key] for step in steps(inner, key)]
    return [part]


NORMALIZERS = frozenset(
    "BertNormalizer ByteLevel Lowercase NFC NFD NFKC NFKD Nmt Precompiled Prepend Replace Strip StripAccents".split()
)
PRE_TOKENIZERS = frozenset(
    "BertPreTokenizer ByteLevel CharDelimiterSplit Digits Metaspace Punctuation Split UnicodeScripts Whitespace "
    "WhitespaceSplit".split()
)
REPEATABLE = frozenset({"Replace", "Split"})
"""Steps that may come more than once; some of the others make a text longer each time."""
RUN_OF_SPACES = " {2,}"  # the one regular expression of SentencePiece's normalisers; others can take for ever
MOST_STEPS = 32
LONGEST_PREFIX = 16  # characters that may be put before a word
LONGEST_REPLACEMENT = 100  # bytes that a table of characters may give for one; Unicode's longest have 33
LONGEST_WORD = 1000  # characters of a word that WordPiece splits, in time that grows with their cube


def check_components(definition: dict[str, Any]) -> None:
    """Refuse, with a ValueError, a tokenizer that could take more time or memory than its text is worth."""
    for part, key, allowed in (
        ("normalizer", "normalizers", NORMALIZERS),
        ("pre_tokenizer", "pretokenizers", PRE_TOKENIZERS),
    ):
        found = steps(definition.get(part), key)
        kinds = [step.get("type") for step in found]
        if len(found) > MOST_STEPS:
            raise ValueError(f"{part} has {len(found)} steps, more than {MOST_STEPS}")
        for step, kind in zip(found, kinds, strict=True):
            if kind not in allowed:
                raise ValueError(f"{part} has a step '{kind}'; known are {', '.join(sorted(allowed))}")
            if kind not in REPEATABLE and kinds.count(kind) > 1:
                raise ValueError(f"{part} has the step '{kind}' more than once")
            if problem := _problem(kind, step):
                raise ValueError(f"{part} has a step '{kind}' that {problem}")
    if definition["model"].get("max_input_chars_per_word", 0) > LONGEST_WORD:
        raise ValueError(f"max_input_chars_per_word is more than {LONGEST_WORD}")


def _problem(kind: str, step: dict[str, Any]) -> str:
    if kind in REPEATABLE:
        pattern = step["pattern"]
        if "Regex" in pattern and pattern["Regex"] != RUN_OF_SPACES:
            return f"searches for the regular expression {pattern['Regex']!r:.80}; the one allowed is '{RUN_OF_SPACES}'"
        shortest = 2 if "Regex" in pattern else len(pattern["String"])
        if shortest == 0 or len(step.get("content", "")) > shortest:
            return "makes the text longer"
    if kind == "Prepend" and len(step["prepend"]) > LONGEST_PREFIX:
        return f"puts more than {LONGEST_PREFIX} characters before a word"
    if kind == "Precompiled":
        table = base64.b64decode(step["precompiled_charsmap"])
        texts = table[4 + int.from_bytes(table[:4], "little") :].split(b"\0")  # after a trie and its size
        if max(map(len, texts)) > LONGEST_REPLACEMENT:
            return f"gives more than {LONGEST_REPLACEMENT} bytes for a character"
    return ""
