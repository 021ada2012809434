from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.files import UnreadableError
from elmo_xlstm.text import tokenization
from elmo_xlstm.text.corpus import Corpus, CorpusConfig, CorruptCorpusError
from elmo_xlstm.text.corpus_building import prepare_corpus
from elmo_xlstm.text.shards import TokenStream
from elmo_xlstm.text.sources.base import Document
from elmo_xlstm.text.tokenizer import Tokenizer

WORDS = "saya kamu dia pergi makan nasi goreng di ke rumah pasar Jakarta Bandung hari ini besok dan yang itu".split()


def sample(count: int, seed: int = 0) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(4, 15))) + f" {index}." for index in range(count)]


def make_config(path: Path, texts: list[str], **values: Any) -> CorpusConfig:
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    plain = {
        "sources": [{"type": "local", "paths": [str(path)], "documents": "line"}],
        "cleaning": {"min_characters": 10},
        "validation_fraction": 0.2,
        "workers": 1,
        **values,
    }
    return validate(CorpusConfig, plain)


def documents_of(stream: TokenStream, tokenizer: Tokenizer) -> list[tuple[int, ...]]:
    """The documents of a part without their begin and end; checks that these stand where they must."""
    documents, current = [], None
    for token in stream.read(0, len(stream)).tolist():
        if token == tokenizer.bos_id:
            assert current is None
            current = []
        elif token == tokenizer.eos_id:
            documents.append(tuple(current))
            current = None
        else:
            current.append(token)
    assert current is None
    return documents


def encoded(texts: list[str], tokenizer: Tokenizer) -> list[tuple[int, ...]]:
    return [tuple(ids) for ids in tokenizer.encode_texts(texts)]


def files_of(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def test_both_parts_together_are_the_cleaned_documents_in_order(tokenizer: Tokenizer, tmp_path: Path) -> None:
    texts = sample(100)
    raw = [f"<p>{text}</p>" for text in texts] + ["pendek", texts[3], ""]
    corpus = prepare_corpus(make_config(tmp_path / "a.txt", raw, shard_tokens=64), tokenizer, tmp_path / "corpora")
    train, validation = (documents_of(part, tokenizer) for part in (corpus.train, corpus.validation))
    expected = encoded(texts, tokenizer)
    held_out = set(validation)
    assert train == [ids for ids in expected if ids not in held_out]
    assert validation == [ids for ids in expected if ids in held_out]
    assert 5 < len(validation) < 40
    assert corpus.manifest["documents"] == {
        "read": 102,
        "kept": 100,
        "dropped": {"empty": 0, "short": 1, "duplicate": 1, "near duplicate": 0, "overlap": 0, "share": 0},
        "excluded_lines": 0,
    }


@pytest.mark.parametrize("workers", [1, 2])
def test_near_duplicates_go_and_the_first_stays(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    monkeypatch.setattr(tokenization, "IN_PROCESS_BATCHES", 0)
    monkeypatch.setattr(tokenization, "BATCH_DOCUMENTS", 3)
    texts = [" ".join(sample(8, seed)) for seed in range(12)]
    copies = [f"{text} sekian" for text in texts[:5]]
    config = make_config(tmp_path / "a.txt", texts + copies, workers=workers, near_duplicates={})
    corpus = prepare_corpus(config, tokenizer, tmp_path / "corpora")
    kept = documents_of(corpus.train, tokenizer) + documents_of(corpus.validation, tokenizer)
    assert sorted(kept) == sorted(encoded(texts, tokenizer))
    assert corpus.manifest["documents"]["dropped"]["near duplicate"] == 5
    assert corpus.manifest["near_duplicates"] == {"words": 5, "bands": 14, "rows": 8}


def test_manifest_agrees_with_the_files(tokenizer: Tokenizer, tmp_path: Path) -> None:
    texts = sample(60)
    corpus = prepare_corpus(make_config(tmp_path / "a.txt", texts, shard_tokens=50), tokenizer, tmp_path / "corpora")
    manifest = json.loads((corpus.directory / "manifest.json").read_text())
    assert manifest == corpus.manifest
    assert corpus.directory.name == manifest["digest"][:16]
    assert manifest["tokenizer"]["fingerprint"] == tokenizer.fingerprint
    assert manifest["tokenizer"]["lower_case"] is False
    assert manifest["cleaning"] == {
        "min_characters": 10,
        "strip_markup": True,
        "fix_unicode": True,
        "remove": [],
        "exclude": None,
    }
    assert manifest["sources"][0]["files"][0]["name"] == "a.txt"
    for name, stream in (("train", corpus.train), ("validation", corpus.validation)):
        part = manifest[name]
        assert part["tokens"] == len(stream) and part["documents"] == stream.documents
        assert part["documents"] == len(documents_of(stream, tokenizer))
        assert [shard["tokens"] for shard in part["shards"][:-1]] == [50] * (len(part["shards"]) - 1)
        for shard in part["shards"]:
            data = (corpus.directory / shard["name"]).read_bytes()
            assert (len(data), hashlib.sha256(data).hexdigest()) == (shard["bytes"], shard["sha256"])
    assert corpus.train.characters + corpus.validation.characters == sum(map(len, texts))
    counts = np.bincount(corpus.train.read(0, len(corpus.train)), minlength=tokenizer.vocab_size)
    assert corpus.token_counts.dtype == np.int64
    assert corpus.token_counts.tolist() == counts.tolist()


def test_number_of_processes_changes_no_byte(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenization, "BATCH_DOCUMENTS", 7)
    monkeypatch.setattr(tokenization, "IN_PROCESS_BATCHES", 1)
    texts = sample(150) + sample(20)
    built = []
    for workers in (1, 2):
        config = make_config(tmp_path / "a.txt", texts, workers=workers, shard_tokens=100)
        built.append(files_of(prepare_corpus(config, tokenizer, tmp_path / str(workers)).directory))
    assert built[0] == built[1]
    assert len(built[0]) > 4


@settings(max_examples=15, deadline=None)
@given(st.lists(st.text(alphabet="abc <>&\u00e9'[]", min_size=1, max_size=20), min_size=2, max_size=12), st.data())
def test_split_depends_on_the_text_alone(
    tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory, texts: list[str], data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("corpus")
    texts = [f"{text} {index}" for index, text in enumerate(texts)]
    shuffled = data.draw(st.permutations(texts))
    parts = []
    for name, ordered in (("a", texts), ("b", shuffled)):
        config = make_config(directory / f"{name}.txt", list(ordered), cleaning={"min_characters": 0})
        try:
            corpus = prepare_corpus(config, tokenizer, directory / name)
        except UserError as error:
            assert "no document is left to train on" in str(error)
            return
        assert corpus.validation.documents > 0 and corpus.train.documents > 0
        assert corpus.validation.documents + corpus.train.documents == len(texts)
        parts.append(sorted(documents_of(corpus.validation, tokenizer)))
    assert parts[0] == parts[1]


def test_one_document_is_held_out_however_small_the_fraction(tokenizer: Tokenizer, tmp_path: Path) -> None:
    texts = sample(8)
    config = make_config(tmp_path / "a.txt", texts, validation_fraction=1e-9)
    corpus = prepare_corpus(config, tokenizer, tmp_path / "corpora")
    batch = tokenization.tokenize_batch([Document(text, "x") for text in texts], config.cleaning.build(), tokenizer)
    lowest = texts[batch.hashes.argmin()]
    assert documents_of(corpus.validation, tokenizer) == encoded([lowest], tokenizer)
    assert documents_of(corpus.train, tokenizer) == encoded([text for text in texts if text != lowest], tokenizer)
    assert corpus.manifest["documents"]["kept"] == 8
    assert corpus.token_counts.sum() == len(corpus.train)


def test_what_the_model_reads_alike_is_one_document(vocabulary_file: Path, tmp_path: Path) -> None:
    texts = sample(50)
    copies = [*texts, *(text.upper() for text in texts), *(text.replace(" ", "\ufe0f ") for text in texts)]
    for lower_case, distinct in ((True, 50), (False, 100)):
        tokenizer = Tokenizer.Config(name=str(vocabulary_file), lower_case=lower_case).build()
        for deduplicate, kept in ((True, distinct), (False, 150)):
            config = make_config(tmp_path / "a.txt", copies, deduplicate=deduplicate)
            corpus = prepare_corpus(config, tokenizer, tmp_path / "corpora")
            train, validation = (documents_of(part, tokenizer) for part in (corpus.train, corpus.validation))
            assert not set(train) & set(validation)
            assert len(train) + len(validation) == kept
            assert len({*train, *validation}) == distinct


def test_duplicates_may_stay(tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = make_config(tmp_path / "a.txt", sample(20) * 2, deduplicate=False)
    corpus = prepare_corpus(config, tokenizer, tmp_path / "corpora")
    assert corpus.train.documents + corpus.validation.documents == 40


@pytest.mark.parametrize("workers", [1, 2])
def test_reading_ends_with_the_batch_that_makes_enough_tokens(
    tokenizer: Tokenizer, tmp_path: Path, workers: int
) -> None:
    texts = sample(2500)
    config = make_config(tmp_path / "a.txt", texts, max_tokens=1, workers=workers)
    corpus = prepare_corpus(config, tokenizer, tmp_path / "corpora")
    read = corpus.manifest["documents"]["read"]
    assert 0 < read < 2500  # a batch
    found = sorted(documents_of(corpus.train, tokenizer) + documents_of(corpus.validation, tokenizer))
    assert found == sorted(encoded(texts[:read], tokenizer))


def test_nothing_is_built_twice(tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(tmp_path / "a.txt", sample(30))
    first = prepare_corpus(config, tokenizer, tmp_path / "corpora")
    monkeypatch.setattr("elmo_xlstm.text.corpus_building.build_corpus", lambda *_: pytest.fail("was built again"))
    again = prepare_corpus(config.model_copy(update={"workers": 2}), tokenizer, tmp_path / "corpora")
    assert again.directory == first.directory
    assert again.train.read(0, 9).tolist() == first.train.read(0, 9).tolist()


def test_whatever_matters_makes_another_corpus(tokenizer: Tokenizer, vocabulary_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    texts = sample(30)
    uncased = Tokenizer.Config(name=str(vocabulary_file), lower_case=True).build()
    variants: list[tuple[Tokenizer, dict[str, Any]]] = [
        (tokenizer, {}),
        (uncased, {}),
        (tokenizer, {"cleaning": {"min_characters": 11}}),
        (tokenizer, {"validation_fraction": 0.3}),
        (tokenizer, {"shard_tokens": 99}),
        (tokenizer, {"deduplicate": False}),
        (tokenizer, {"max_tokens": 10**6}),
    ]
    directories = {
        prepare_corpus(make_config(path, texts, **values), chosen, tmp_path / "corpora").directory
        for chosen, values in variants
    }
    directories.add(
        prepare_corpus(make_config(path, [*texts, "satu dokumen baru lagi"]), tokenizer, tmp_path / "corpora").directory
    )
    assert len(directories) == len(variants) + 1


@pytest.mark.parametrize("damage", ["flip", "cut", "remove", "manifest", "counts"])
def test_damaged_corpus_is_named_and_built_anew(
    tokenizer: Tokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    config = make_config(tmp_path / "a.txt", sample(30), shard_tokens=80)
    corpus = prepare_corpus(config, tokenizer, tmp_path / "corpora")
    whole = files_of(corpus.directory)
    name = {"manifest": "manifest.json", "counts": "token_counts.npy"}.get(damage, "train-00001.bin")
    path = corpus.directory / name
    data = bytearray(whole[name])
    data[len(data) // 2] ^= 255
    if damage == "remove":
        path.unlink()
    else:
        path.write_bytes(data[:-2] if damage in ("cut", "manifest") else data)
    with pytest.raises(CorruptCorpusError, match=name):
        Corpus(corpus.directory, verify=True)
    again = prepare_corpus(config, tokenizer, tmp_path / "corpora")
    assert name in caplog.text and "built anew" in caplog.text
    assert files_of(again.directory) == whole


def test_what_cannot_be_read_just_now_is_not_built_anew(tokenizer: Tokenizer, tmp_path: Path, no_more_files) -> None:
    config = make_config(tmp_path / "a.txt", sample(30))
    directory = prepare_corpus(config, tokenizer, tmp_path / "corpora").directory
    with no_more_files(), pytest.raises(UnreadableError, match="too many open files"):
        Corpus(directory, verify=True)


def test_opening_checks_sizes_always_and_content_on_request(tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = make_config(tmp_path / "a.txt", sample(30))
    corpus = prepare_corpus(config, tokenizer, tmp_path / "corpora")
    path = corpus.directory / "train-00000.bin"
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)
    Corpus(corpus.directory)
    with pytest.raises(CorruptCorpusError, match="SHA-256 differs"):
        Corpus(corpus.directory, verify=True)
    path.write_bytes(data + b"\0\0")
    with pytest.raises(CorruptCorpusError, match="bytes, expected"):
        Corpus(corpus.directory)


def test_failed_build_leaves_nothing(tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = make_config(tmp_path / "a.txt", sample(30))
    with open(tmp_path / "a.txt", "ab") as file:
        file.write(b"rusak \xff\n")
    with pytest.raises(UserError, match=r"a\.txt:31"):
        prepare_corpus(config, tokenizer, tmp_path / "corpora")
    assert [path.name for path in (tmp_path / "corpora").iterdir()] == [".lock"]


BUILD_SLOWLY = """
import sys, time
from pathlib import Path
from elmo_xlstm.config import validate
from elmo_xlstm.text import corpus_building
from elmo_xlstm.text.corpus import CorpusConfig
from elmo_xlstm.text.corpus_building import prepare_corpus
from elmo_xlstm.text.tokenizer import Tokenizer

def hang(manifest):
    print("built", flush=True)
    time.sleep(60)

corpus_building._refuse_empty_parts = hang
config = validate(CorpusConfig, {
    "sources": [{"type": "local", "paths": [sys.argv[1]], "documents": "line"}],
    "cleaning": {"min_characters": 10}, "validation_fraction": 0.2, "workers": 1,
})
prepare_corpus(config, Tokenizer.load(Path(sys.argv[2])), Path(sys.argv[3]))
"""


def test_killed_build_is_cleared_away_and_frees_its_lock(tokenizer: Tokenizer, tmp_path: Path) -> None:
    config = make_config(tmp_path / "a.txt", sample(30))
    tokenizer.save(tmp_path / "tokenizer")
    corpora = tmp_path / "corpora"
    arguments = [str(tmp_path / "a.txt"), str(tmp_path / "tokenizer"), str(corpora)]
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD_SLOWLY, *arguments], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
    )
    with process:
        assert process.stdout is not None and process.stdout.readline() == b"built\n"
        process.send_signal(signal.SIGKILL)
    (left_over,) = corpora.glob(".*.partial")
    assert any(left_over.iterdir())
    corpus = prepare_corpus(config, tokenizer, corpora)
    assert not list(corpora.glob(".*.partial"))
    assert f".{corpus.directory.name}.partial" == left_over.name


def test_second_process_waits_and_reuses(
    tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    config = make_config(tmp_path / "a.txt", sample(30))
    ready = prepare_corpus(config, tokenizer, tmp_path / "ready").directory
    corpora = tmp_path / "corpora"
    corpora.mkdir()
    monkeypatch.setattr("elmo_xlstm.text.corpus_building.build_corpus", lambda *_: pytest.fail("was built twice"))
    opened: list[Corpus] = []
    with open(corpora / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        waiting = threading.Thread(target=lambda: opened.append(prepare_corpus(config, tokenizer, corpora)))
        waiting.start()
        deadline = time.monotonic() + 10
        while "waiting for another process" not in caplog.text and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not opened
        ready.rename(corpora / ready.name)
    waiting.join(timeout=10)
    assert opened[0].directory == corpora / ready.name


def test_too_little_text_is_refused_with_what_was_dropped(tokenizer: Tokenizer, tmp_path: Path) -> None:
    texts = ["pendek", "satu dokumen yang cukup panjang", "satu dokumen yang cukup panjang"]
    with pytest.raises(UserError, match=r"3 documents were read, 1 kept \(dropped: short 1, duplicate 1\)"):
        prepare_corpus(make_config(tmp_path / "a.txt", texts), tokenizer, tmp_path / "corpora")
    with pytest.raises(UserError, match=r"0 documents were read"):
        prepare_corpus(make_config(tmp_path / "b.txt", []), tokenizer, tmp_path / "corpora")
    everything = make_config(tmp_path / "c.txt", sample(3), validation_fraction=0.999999)
    with pytest.raises(UserError, match=r"no document is left to train on.*Lower validation_fraction"):
        prepare_corpus(everything, tokenizer, tmp_path / "corpora")


def test_progress_counts_documents_read(tokenizer: Tokenizer, tmp_path: Path) -> None:
    class Work:
        done = 0

        def __enter__(self) -> Work:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def advance(self, n: int = 1, **shown: object) -> None:
            self.done += n

    work = Work()
    progress = type("Shown", (), {"task": lambda self, description, total=None, done=0: work})()
    prepare_corpus(make_config(tmp_path / "a.txt", [*sample(30), "x"]), tokenizer, tmp_path / "corpora", progress)
    assert work.done == 31


def test_importing_the_package_is_cheap() -> None:
    heavy = "{'torch', 'transformers', 'datasets', 'mwparserfromhell'}"
    script = f"import sys, elmo_xlstm.text; print(sorted({heavy} & set(sys.modules)))"
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=root).stdout == "[]\n"
