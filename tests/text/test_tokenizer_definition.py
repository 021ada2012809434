from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer as Backend
from tokenizers import models

from elmo_xlstm.errors import UserError
from elmo_xlstm.text import Tokenizer

VOCABULARY = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4, "\u2581": 5, "b": 6}


def charsmap(longest: int) -> str:
    """A table of SentencePiece's form whose trie is empty and one of whose texts has so many bytes."""
    return base64.b64encode((4).to_bytes(4, "little") + bytes(4) + b"x" * longest + b"\0").decode()


def build(tmp_path: Path, **parts: Any) -> Tokenizer:
    definition = json.loads(Backend(models.WordLevel(VOCABULARY, unk_token="[UNK]")).to_str())
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(definition | parts))
    return Tokenizer.Config(name=str(path), lower_case=False).build()


def replace(pattern: str, content: str, kind: str = "String") -> dict[str, Any]:
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def several(*steps: dict[str, Any], key: str = "normalizers") -> dict[str, Any]:
    return {"type": "Sequence", key: list(steps)}


def split(pattern: str, kind: str = "Regex") -> dict[str, Any]:
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": "Isolated", "invert": False}


BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({"normalizer": several(*[replace("a", "aa")] * 26)}, "'Replace' that makes the text longer"),
        ({"normalizer": several(several(replace("", "a")))}, "'Replace' that makes the text longer"),
        ({"normalizer": replace(" {2,}", "  a  ", "Regex")}, "'Replace' that makes the text longer"),
        ({"normalizer": replace("(([a-z])+.)+[A-Z]([a-z])+$", "b", "Regex")}, "searches for the regular expression"),
        ({"normalizer": several(*[{"type": "ByteLevel"}] * 30)}, "'ByteLevel' more than once"),
        ({"normalizer": {"type": "Prepend", "prepend": "a" * 10**6}}, "more than 16 characters before a word"),
        ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": charsmap(10**6)}}, "more than 100 bytes"),
        ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": ""}}, "cannot be read as a tokenizer.json"),
        ({"normalizer": several(*[replace("a", "b")] * 40)}, "40 steps, more than 32"),
        ({"normalizer": {"type": "Unheard"}}, "a step 'Unheard'"),
        ({"pre_tokenizer": split("(x+x+)+y")}, "searches for the regular expression"),
        ({"pre_tokenizer": split("", "String")}, "'Split' that"),
        ({"pre_tokenizer": several(*[BYTES] * 30, key="pretokenizers")}, "'ByteLevel' more than once"),
        ({"pre_tokenizer": {"type": "FixedLength", "length": 0}}, "a step 'FixedLength'"),
        ({"model": {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                    "max_input_chars_per_word": 10**9, "vocab": VOCABULARY}}, "max_input_chars_per_word"),
    ],
)  # fmt: skip
def test_steps_without_bounds_are_refused(tmp_path: Path, parts: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        build(tmp_path, **parts)


def test_steps_of_well_known_tokenizers_are_taken(tmp_path: Path) -> None:
    """Those of SentencePiece models such as XLM-R and ALBERT."""
    spaces = {"type": "Metaspace", "replacement": "\u2581", "prepend_scheme": "always", "split": True}
    tokenizer = build(
        tmp_path,
        normalizer=several(
            {"type": "NFKD"},
            {"type": "StripAccents"},
            replace("``", '"'),
            replace(" {2,}", " ", "Regex"),
            replace(" ", "\u2581"),
        ),
        pre_tokenizer=several({"type": "WhitespaceSplit"}, spaces, split("b", "String"), key="pretokenizers"),
    )
    assert tokenizer.vocab_size == len(VOCABULARY)
    assert tokenizer.encode_texts(["a", "ab"]) != []


def test_what_comes_after_the_pieces_is_not_run(tmp_path: Path) -> None:
    """It could double them any number of times, and adds special tokens alone where it is honest."""
    twice = [{"Sequence": {"id": "A", "type_id": 0}}] * 2
    pair = [twice[0], {"Sequence": {"id": "B", "type_id": 1}}]
    template = {"type": "TemplateProcessing", "single": twice, "pair": pair, "special_tokens": {}}
    tokenizer = build(
        tmp_path,
        pre_tokenizer={"type": "Whitespace"},
        post_processor={"type": "Sequence", "processors": [template] * 40},
    )
    assert tokenizer.encode_texts(["a b"]) == [[4, 6]]


def test_a_panic_in_the_library_is_one_message(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A table of characters may be damaged where only some texts lead."""
    tokenizer = build(tmp_path)

    class PanicException(BaseException):
        pass

    class Backend:
        def encode_batch_fast(self, *_: Any, **__: Any) -> None:
            raise PanicException("index out of bounds")

    tokenizer._backend = Backend()  # type: ignore[assignment]
    with pytest.raises(UserError, match="cannot be read as a tokenizer.json: index out of bounds"):
        tokenizer.encode_texts(["a"])


@pytest.mark.parametrize("name", ["tokenizer.json", "vocab.txt"])
def test_devices_are_not_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to("/dev/zero")
    with pytest.raises(UserError, match="is no regular file"):
        Tokenizer.Config(name=str(tmp_path), lower_case=False).build()
