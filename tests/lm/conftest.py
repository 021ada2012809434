from __future__ import annotations

import random
import string
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elmo_xlstm.text.shards import ShardWriter, TokenStream
from elmo_xlstm.text.tokenizer import Tokenizer

SUBJECTS = "saya kamu dia mereka ibu ayah adik kakak guru dokter petani nelayan".split()
VERBS = "pergi berjalan pulang datang berlari naik".split()
PLACES = "pasar sekolah rumah kantor sawah pantai kota desa stasiun masjid gereja taman".split()
TIMES = ["hari ini", "kemarin pagi", "besok malam", "setiap minggu", "tadi siang"]


@pytest.fixture(scope="session")
def vocabulary_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    characters = string.ascii_lowercase + string.digits + ".,"
    words = {*SUBJECTS, *VERBS, *PLACES, *" ".join(TIMES).split(), "ke", "dari", "dan"}
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", *characters, *(f"##{c}" for c in characters), *sorted(words)]
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("\n".join(pieces) + "\n")
    return path


@pytest.fixture(scope="session")
def tokenizer(vocabulary_file: Path) -> Tokenizer:
    return Tokenizer.Config(name=str(vocabulary_file), lower_case=True).build()


@pytest.fixture(scope="session")
def text_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some hundred short documents, a line each, all different."""
    rng = random.Random(0)
    path = tmp_path_factory.mktemp("text") / "text.txt"
    with open(path, "w", encoding="utf-8") as file:
        for index in range(300):
            sentences = [
                f"{rng.choice(SUBJECTS)} {rng.choice(VERBS)} ke {rng.choice(PLACES)} {rng.choice(TIMES)}."
                for _ in range(3)
            ]
            file.write(f"{' '.join(sentences)} dari {index}.\n")
    return path


@pytest.fixture
def make_stream(tmp_path: Path) -> Callable[..., TokenStream]:
    def make(tokens: np.ndarray, characters: int = 100, shard_tokens: int = 37) -> TokenStream:
        dtype = np.dtype("<u2")
        writer = ShardWriter(tmp_path, "part", shard_tokens, dtype)
        writer.write(np.asarray(tokens))
        return TokenStream(tmp_path, {"shards": writer.close(), "characters": characters, "documents": 1}, dtype)

    return make
