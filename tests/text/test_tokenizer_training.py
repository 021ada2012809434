from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest

from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.text.tokenizer_training import (
    TokenizerSettings,
    WordPieceConfig,
    run_tokenizer_training,
    train_wordpiece,
)

SYLLABLES = "ma kan mi num per gi ba ca tu lis ru mah ja lan Ja kar ta Ban dung".split()


def sample_texts(count: int = 300, seed: int = 1) -> list[str]:
    rng = random.Random(seed)
    return [
        " ".join("".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(12)) + "." for _ in range(count)
    ]


def test_trains_the_size_asked_for_with_special_tokens_first() -> None:
    tokenizer = train_wordpiece(WordPieceConfig(vocab_size=120, lower_case=False), iter(sample_texts()))
    assert tokenizer.vocab_size == 120
    assert (tokenizer.pad_id, tokenizer.unk_id, tokenizer.bos_id, tokenizer.eos_id) == (0, 1, 2, 3)
    encoded = tokenizer.encode_texts(sample_texts(20, seed=2))
    assert not any(tokenizer.unk_id in ids for ids in encoded)


def test_one_text_in_place_of_several_is_a_type_error() -> None:
    with pytest.raises(TypeError):
        train_wordpiece(WordPieceConfig(vocab_size=120, lower_case=False), "saya makan nasi")


def test_same_texts_in_any_order_and_any_process_give_the_same_vocabulary() -> None:
    config = WordPieceConfig(vocab_size=150, lower_case=True)
    reference = train_wordpiece(config, sample_texts()).fingerprint
    assert train_wordpiece(config, reversed(sample_texts())).fingerprint == reference
    script = (
        "from elmo_xlstm.text.tokenizer_training import *; import sys; "
        "print(train_wordpiece(WordPieceConfig(vocab_size=150, lower_case=True), sys.stdin).fingerprint)"
    )
    root = Path(__file__).parents[2]
    other = subprocess.run(
        [sys.executable, "-c", script],
        input="\n".join(sample_texts()),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(root), "PYTHONHASHSEED": "7"},
    )
    assert other.stdout.strip() == reference


def test_lower_case_decides_what_is_learnt() -> None:
    texts = ["Jakarta JAKARTA jakarta"] * 10
    cased = train_wordpiece(WordPieceConfig(vocab_size=80, lower_case=False), texts)
    uncased = train_wordpiece(WordPieceConfig(vocab_size=80, lower_case=True), texts)
    assert len(set(map(tuple, cased.encode_texts(["Jakarta", "JAKARTA", "jakarta"])))) == 3
    assert len(set(map(tuple, uncased.encode_texts(["Jakarta", "JAKARTA", "jakarta"])))) == 1
    assert uncased.lower_case and not cased.lower_case


def test_rare_characters_beyond_the_alphabet_limit_become_the_unknown_piece() -> None:
    texts = ["aaa bbb aab abb"] * 5 + ["ab q"]
    tokenizer = train_wordpiece(WordPieceConfig(vocab_size=20, lower_case=False, alphabet_limit=2), texts)
    assert tokenizer.encode_texts(["q"]) == [[tokenizer.unk_id]]
    assert tokenizer.unk_id not in tokenizer.encode_texts(["abba"])[0]


def test_min_frequency_keeps_rare_words_in_pieces() -> None:
    texts = ["rumah"] * 3 + ["pasar"]
    tokenizer = train_wordpiece(WordPieceConfig(vocab_size=60, lower_case=False, min_frequency=3), texts)
    assert len(tokenizer.encode_texts(["rumah"])[0]) == 1
    assert len(tokenizer.encode_texts(["pasar"])[0]) > 1


def test_no_text_and_too_small_vocabularies_are_refused() -> None:
    with pytest.raises(UserError, match="texts are empty"):
        train_wordpiece(WordPieceConfig(lower_case=True), ["", " "])
    with pytest.raises(UserError, match="vocab_size=10 is less than the"):
        train_wordpiece(WordPieceConfig(vocab_size=10, lower_case=True), sample_texts(3))


def test_two_processes_do_not_write_one_tokenizer(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("ibu pergi ke pasar dan ayah pergi ke sawah\n" * 5)
    values = {
        "sources": [{"type": "local", "paths": [str(tmp_path / "text.txt")], "documents": "line"}],
        "cleaning": {"min_characters": 1},
        "wordpiece": {"vocab_size": 60, "lower_case": True},
    }
    settings, directory = validate(TokenizerSettings, values), tmp_path / "tokenizer"
    with open_run(directory, settings):
        before = set(directory.iterdir())
        with pytest.raises(UserError, match="another process is at work"), open_run(directory, settings, force=True):
            pass
        assert set(directory.iterdir()) == before
        assert run_tokenizer_training(settings, directory).vocab_size <= 60
    with open_run(directory, settings, force=True):  # what the first run wrote is all known to be a tokenizer's
        assert set(directory.iterdir()) == before
