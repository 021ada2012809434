from __future__ import annotations

import string
from pathlib import Path

import pytest

from elmo_xlstm.text.tokenizer import Tokenizer

WORDS = "saya kamu dia pergi makan nasi goreng di ke rumah pasar Jakarta Bandung hari ini besok dan yang itu".split()


@pytest.fixture(scope="session")
def vocabulary_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    characters = string.ascii_letters + string.digits + string.punctuation
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *characters, *(f"##{c}" for c in characters), "##nya"]
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join([*pieces, *(word for word in WORDS if len(word) > 1)]) + "\n")
    return path


@pytest.fixture(scope="session")
def tokenizer(vocabulary_file: Path) -> Tokenizer:
    return Tokenizer.Config(name=str(vocabulary_file), lower_case=False).build()
