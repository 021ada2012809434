from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.text import tokenization
from elmo_xlstm.text.corpus import Corpus, CorpusConfig
from elmo_xlstm.text.corpus_building import prepare_corpus
from elmo_xlstm.text.shards import TokenStream
from elmo_xlstm.text.sources import SourceSettings
from elmo_xlstm.text.sources.huggingface import HuggingFaceSource
from elmo_xlstm.text.sources.local import LocalSource
from elmo_xlstm.text.sources.mediawiki import MediaWikiSource
from elmo_xlstm.text.tokenizer import Tokenizer
from elmo_xlstm.text.tokenizer_training import TokenizerSettings, run_tokenizer_training

WORDS = "saya kamu dia pergi makan nasi goreng di ke rumah pasar Jakarta Bandung hari ini besok dan yang itu".split()


def sample(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [" ".join(rng.choices(WORDS, k=rng.randint(4, 15))) + f" {seed}{index:04}." for index in range(count)]


@pytest.fixture
def sources(tmp_path: Path) -> dict[str, list[str]]:
    texts = {"news": sample(120, 1), "law": sample(200, 2), "tweets": sample(60, 3)}
    texts["tweets"] += texts["news"][:20]  # there before, so neither written nor repeated
    for name, lines in texts.items():
        (tmp_path / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return texts


def config(directory: Path, weights: dict[str, dict[str, Any]], **values: Any) -> CorpusConfig:
    plain = [
        {"type": "local", "paths": [str(directory / f"{name}.txt")], "documents": "line", **weight}
        for name, weight in weights.items()
    ]
    rest = {"cleaning": {"min_characters": 10}, "validation_fraction": 0.2, "workers": 1, **values}
    return validate(CorpusConfig, {"sources": plain, **rest})


def counts(stream: TokenStream, tokenizer: Tokenizer) -> Counter[tuple[int, ...]]:
    """How often each document is in a part."""
    tokens = stream.read(0, len(stream))
    ends = np.flatnonzero(tokens == tokenizer.eos_id).tolist()
    starts = [0, *(end + 1 for end in ends[:-1])]
    return Counter(tuple(tokens[start + 1 : end].tolist()) for start, end in zip(starts, ends, strict=True))


MIX: dict[str, dict[str, Any]] = {"news": {}, "law": {"share": 0.3, "label": "statutes"}, "tweets": {"repeat": 3}}


def test_shares_and_repeats(tokenizer: Tokenizer, tmp_path: Path, sources: dict[str, list[str]]) -> None:
    corpus = prepare_corpus(config(tmp_path, MIX), tokenizer, tmp_path / "corpora")
    train, validation = counts(corpus.train, tokenizer), counts(corpus.validation, tokenizer)
    ids = {name: [tuple(ids) for ids in tokenizer.encode_texts(texts)] for name, texts in sources.items()}
    new_tweets = set(ids["tweets"]) - set(ids["news"])
    assert not set(train) & set(validation)
    assert set(validation.values()) == {1}
    assert {train[text] + 3 * validation[text] for text in new_tweets} == {3}
    assert {train[text] + validation[text] for text in ids["news"]} == {1}
    statutes = [text for text in ids["law"] if train[text] or validation[text]]
    assert {train[text] + validation[text] for text in statutes} == {1}
    assert 35 < len(statutes) < 85
    held_out = sum(validation[text] for text in statutes)
    assert 0 < held_out < len(statutes) / 2  # the share is chosen by another hash than the held-out part


def test_manifest_counts_each_source(tokenizer: Tokenizer, tmp_path: Path, sources: dict[str, list[str]]) -> None:
    manifest = prepare_corpus(config(tmp_path, MIX), tokenizer, tmp_path / "corpora").manifest
    news, law, tweets = manifest["mix"]
    assert [entry["label"] for entry in manifest["mix"]] == ["news", "statutes", "tweets"]
    assert [(entry["share"], entry["repeat"]) for entry in manifest["mix"]] == [(1, 1), (0.3, 1), (1, 3)]
    assert [entry["documents"]["read"] for entry in manifest["mix"]] == [120, 200, 80]
    assert law["documents"]["kept"] + law["documents"]["dropped"]["share"] == 200
    assert tweets["documents"]["dropped"]["duplicate"] == 20
    assert tweets["train"]["documents"] == 3 * (60 - tweets["validation"]["documents"])
    for name in ("train", "validation"):
        for unit in ("tokens", "documents", "characters"):
            assert sum(entry[name][unit] for entry in manifest["mix"]) == manifest[name][unit]
    assert news["train"]["characters"] + news["validation"]["characters"] == sum(map(len, sources["news"]))
    assert manifest["documents"]["dropped"]["share"] == law["documents"]["dropped"]["share"]


def test_token_counts_follow_the_repeats(tokenizer: Tokenizer, tmp_path: Path, sources: dict[str, list[str]]) -> None:
    corpus = prepare_corpus(config(tmp_path, MIX), tokenizer, tmp_path / "corpora")
    found = np.bincount(corpus.train.read(0, len(corpus.train)), minlength=tokenizer.vocab_size)
    assert corpus.token_counts.tolist() == found.tolist()


def test_mix_is_the_same_for_any_number_of_processes(
    tokenizer: Tokenizer, tmp_path: Path, sources: dict[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenization, "BATCH_DOCUMENTS", 7)
    monkeypatch.setattr(tokenization, "IN_PROCESS_BATCHES", 1)
    evaluation = tmp_path / "evaluation.txt"
    evaluation.write_text("\n".join([*sources["news"][3:40:5], *sources["tweets"][:9]]) + "\n")
    cleaning = {"min_characters": 10, "exclude": {"paths": [str(evaluation)], "ngram": 4, "sentence_words": 2}}
    built: list[Corpus] = [
        prepare_corpus(config(tmp_path, MIX, workers=workers, cleaning=cleaning), tokenizer, tmp_path / f"{workers}")
        for workers in (1, 2)
    ]
    files = [{path.name: path.read_bytes() for path in corpus.directory.iterdir()} for corpus in built]
    assert files[0] == files[1]
    assert built[0].manifest["documents"]["dropped"]["overlap"] >= 8
    assert built[0].manifest["documents"]["excluded_lines"] == built[0].manifest["documents"]["dropped"]["overlap"]
    excluded = {tuple(ids) for ids in tokenizer.encode_texts(sources["news"][3:40:5])}
    assert not excluded & {*counts(built[0].train, tokenizer), *counts(built[0].validation, tokenizer)}


def test_weights_and_excluded_texts_make_another_corpus(
    tokenizer: Tokenizer, tmp_path: Path, sources: dict[str, list[str]]
) -> None:
    directories = set()
    for weight in ({}, {"share": 0.9}, {"repeat": 2}, {"label": "lain"}):
        mix = {"news": {}, "tweets": weight}
        directories.add(prepare_corpus(config(tmp_path, mix), tokenizer, tmp_path / "corpora").directory)
    evaluation = tmp_path / "evaluation.txt"
    for text in ("satu dua", "tiga empat"):
        evaluation.write_text(text)
        cleaning = {"min_characters": 10, "exclude": {"paths": [str(evaluation)]}}
        chosen = config(tmp_path, {"news": {}, "tweets": {}}, cleaning=cleaning)
        directories.add(prepare_corpus(chosen, tokenizer, tmp_path / "corpora").directory)
    assert len(directories) == 6


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 1), st.floats(0.01, 1))
def test_a_larger_share_has_all_of_a_smaller_one(first: float, second: float) -> None:
    small, large = sorted((first, second))
    texts = [f"dokumen {index}" for index in range(200)]
    chosen = [{text for text in texts if SourceSettings(share=share).uses(text)} for share in (small, large)]
    assert chosen[0] <= chosen[1]
    for share, texts_of in zip((small, large), chosen, strict=True):
        assert abs(len(texts_of) - 200 * share) < 40


@pytest.mark.parametrize("values", [{"share": 0}, {"share": 1.5}, {"repeat": 0}])
def test_senseless_weights_are_refused(tmp_path: Path, values: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"sources\[0\].*(share|repeat)"):
        config(tmp_path, {"news": values})


def test_labels_come_from_files_and_data_sets() -> None:
    assert LocalSource.Config(paths=["teks/berita.2019.txt.xz", "b"]).shown == "berita"
    assert MediaWikiSource.Config(path="idwiki-pages-articles.xml.bz2").shown == "idwiki-pages-articles"
    assert HuggingFaceSource.Config(name="a/b", config_name="id").shown == "a/b/id"
    assert LocalSource.Config(paths=["a"], label="lain").shown == "lain"


def test_vocabulary_follows_the_mix(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("aabb aabb aabb aabb\n")
    (tmp_path / "b.txt").write_text("aacc aacc aacc\n")

    def pieces(repeat: int) -> set[str]:
        source = {"type": "local", "documents": "line"}
        values = {
            "sources": [
                {**source, "paths": [str(tmp_path / "a.txt")]},
                {**source, "paths": [str(tmp_path / "b.txt")], "repeat": repeat},
            ],
            "cleaning": {"min_characters": 1},
            "wordpiece": {"vocab_size": 13, "min_frequency": 1, "lower_case": True},
        }
        run_tokenizer_training(validate(TokenizerSettings, values), tmp_path / f"{repeat}")
        definition = json.loads((tmp_path / f"{repeat}" / "tokenizer.json").read_text())
        return set(definition["model"]["vocab"])

    assert pieces(1) != pieces(3)
