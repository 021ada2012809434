from __future__ import annotations

import errno
import json
import logging
import multiprocessing
import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

from elmo_xlstm.embedding import ElmoEmbedder, EmbedderSettings, FeatureStore, store
from elmo_xlstm.embedding.store import sentence_key
from elmo_xlstm.runs.files import UnreadableError
from elmo_xlstm.runs.interruption import Interrupted

SENTENCES = [["Siti", "tiba", "di", "Surabaya"], ["Budi"], ["rumah", "tetangga", "."], ["pagi", "hari"] * 5]


@pytest.fixture
def asked(monkeypatch) -> list[list[str]]:
    """The sentences that the model was run on, in every store."""
    asked: list[list[str]] = []
    stream = ElmoEmbedder.stream

    def counting(self, sentences):
        asked.extend(map(list, sentences))
        return stream(self, sentences)

    monkeypatch.setattr(ElmoEmbedder, "stream", counting)
    return asked


def files(directory: Path, pattern: str) -> list[Path]:
    return sorted(directory.glob(f"*/{pattern}"))


def assert_right(features, embedder, sentences=SENTENCES) -> None:
    for vectors, sentence in zip(features, sentences, strict=True):
        assert vectors.dtype == np.float16 and vectors.shape == (len(sentence), 3, 32)
        np.testing.assert_allclose(vectors, embedder([sentence])[0], rtol=2**-10, atol=2e-5)


def test_values_in_order(embedder, tmp_path) -> None:
    assert_right(FeatureStore(tmp_path, embedder).features(SENTENCES), embedder)
    reordered = SENTENCES[::-1]
    assert_right(FeatureStore(tmp_path, embedder).features(reordered), embedder, reordered)


def test_each_sentence_is_computed_once(embedder, asked, tmp_path) -> None:
    first = FeatureStore(tmp_path, embedder)
    computed = first.features(SENTENCES[:2])
    assert asked == SENTENCES[:2]
    first.features(SENTENCES[:3])
    assert asked == SENTENCES[:3]  # the third alone was missing
    second = FeatureStore(tmp_path, embedder)
    found = second.features([SENTENCES[1], SENTENCES[0]])
    assert asked == SENTENCES[:3]
    np.testing.assert_array_equal(found[0], computed[1])
    np.testing.assert_array_equal(found[1], computed[0])


def test_duplicates_within_a_call(embedder, asked, tmp_path) -> None:
    a, b = SENTENCES[:2]
    features = FeatureStore(tmp_path, embedder).features([a, b, tuple(a), a])
    assert asked == [a, b]
    assert_right(features, embedder, [a, b, a, a])


def test_words_and_not_their_joint_text_are_the_key(embedder, asked, tmp_path) -> None:
    similar = [["a b", "c"], ["a", "b c"], ["a b c"], ["a", "b", "c"], ['a", "b', "c"], ["A b", "c"]]
    assert len({sentence_key(sentence) for sentence in similar}) == len(similar)
    assert_right(FeatureStore(tmp_path, embedder).features(similar), embedder, similar)
    assert asked[: len(similar)] == similar


def test_empty_sentences(embedder, asked, tmp_path) -> None:
    assert FeatureStore(tmp_path, embedder).features([]) == []
    assert FeatureStore(tmp_path, embedder).features([[]])[0].shape == (0, 3, 32)
    assert FeatureStore(tmp_path, embedder).features([[]])[0].shape == (0, 3, 32)
    assert asked == [[]]


def test_segments_are_split_by_size(embedder, asked, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(store, "SEGMENT_BYTES", 4 * 3 * 32 * 2)  # four words
    sentences = [[word] for word in "abcdefghi"] + [["pagi"] * 6]
    assert_right(FeatureStore(tmp_path, embedder).features(sentences), embedder, sentences)
    sizes = sorted(path.stat().st_size // (3 * 32 * 2) for path in files(tmp_path, "*.bin"))
    assert sizes == [4, 4, 7]
    asked.clear()
    again = FeatureStore(tmp_path, embedder)
    before = list(asked)
    again.features(sentences)
    assert asked == before == []


def test_what_was_written_before_an_interruption_stays(embedder, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(store, "SEGMENT_BYTES", 1)
    stream = ElmoEmbedder.stream

    def interrupted(self, sentences):
        for number, found in enumerate(stream(self, sentences)):
            if number == 2:
                raise KeyboardInterrupt
            yield found

    with monkeypatch.context() as patch:
        patch.setattr(ElmoEmbedder, "stream", interrupted)
        with pytest.raises(KeyboardInterrupt):
            FeatureStore(tmp_path, embedder).features(SENTENCES)
    assert len(files(tmp_path, "*.json")) == 2
    assert_right(FeatureStore(tmp_path, embedder).features(SENTENCES), embedder)


def _change_a_byte(data: Path, index: Path) -> None:
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)


def _truncate(data: Path, index: Path) -> None:
    data.write_bytes(data.read_bytes()[:-1])


def _break_json(data: Path, index: Path) -> None:
    index.write_text(index.read_text()[:-20])


def _other_json(data: Path, index: Path) -> None:
    index.write_text("[]")


def _drop_sentences(data: Path, index: Path) -> None:
    header = json.loads(index.read_text())
    del header["sentences"]
    index.write_text(json.dumps(header))


def _swap_sentences(data: Path, index: Path) -> None:
    header = json.loads(index.read_text())
    names, places = list(header["sentences"]), list(header["sentences"].values())
    header["sentences"] = dict(zip(names, places[::-1], strict=True))
    index.write_text(json.dumps(header))


def _other_format(data: Path, index: Path) -> None:
    header = json.loads(index.read_text())
    index.write_text(json.dumps({**header, "format": 0}))


def _delete_data(data: Path, index: Path) -> None:
    data.unlink()


@pytest.mark.parametrize(
    "damage",
    [
        _change_a_byte,
        _truncate,
        _break_json,
        _other_json,
        _drop_sentences,
        _swap_sentences,
        _other_format,
        _delete_data,
    ],
)
def test_damage_is_noticed_and_mended(damage, embedder, asked, tmp_path, caplog) -> None:
    FeatureStore(tmp_path, embedder).features(SENTENCES)
    healthy = FeatureStore(tmp_path, embedder)
    healthy.features([["pagi"]])  # a segment of its own, which stays
    (data,) = (path for path in files(tmp_path, "*.bin") if path.stat().st_size > 3 * 32 * 2)
    damage(data, data.with_suffix(".json"))
    asked.clear()
    with caplog.at_level(logging.WARNING, logger="elmo_xlstm"):
        mended = FeatureStore(tmp_path, embedder)
    assert len(caplog.records) == 1 and f"{data} is damaged" in caplog.text and "embedded again" in caplog.text
    assert not data.exists() and not data.with_suffix(".json").exists()
    features = mended.features([*SENTENCES, ["pagi"]])
    assert asked == SENTENCES
    assert_right(features, embedder, [*SENTENCES, ["pagi"]])
    caplog.clear()
    asked.clear()
    assert_right(FeatureStore(tmp_path, embedder).features(SENTENCES), embedder)
    assert not caplog.records
    assert len(asked) == len(SENTENCES)  # by the comparison alone


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENOMEM, errno.EACCES, errno.EIO])
def test_what_cannot_be_read_just_now_stays(embedder, asked, tmp_path, monkeypatch, number) -> None:
    FeatureStore(tmp_path, embedder).features(SENTENCES)
    before = {path: path.read_bytes() for path in files(tmp_path, "*")}

    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    for owner, name in ((store.np, "memmap"), (store, "read_json")):
        with monkeypatch.context() as patch, pytest.raises((UnreadableError, OSError)):
            patch.setattr(owner, name, refuse)
            FeatureStore(tmp_path, embedder)
        assert {path: path.read_bytes() for path in files(tmp_path, "*")} == before
    asked.clear()
    assert_right(FeatureStore(tmp_path, embedder).features(SENTENCES), embedder)
    assert len(asked) == len(SENTENCES)  # by the comparison alone


def test_an_index_that_cannot_be_opened_just_now_stays(embedder, tmp_path, no_more_files) -> None:
    opened = FeatureStore(tmp_path, embedder)
    opened.features(SENTENCES)
    (index,) = files(tmp_path, "*.json")
    with no_more_files(), pytest.raises(UnreadableError, match="too many open files"):
        opened._open(index)
    assert index.exists() and index.with_suffix(".bin").exists()


def test_left_overs_are_ignored(embedder, asked, tmp_path, caplog) -> None:
    FeatureStore(tmp_path, embedder).features(SENTENCES[:1])
    (data,) = files(tmp_path, "*.bin")
    (data.parent / f".{data.stem}.partial").write_bytes(b"half")
    data.with_suffix(".json").unlink()  # killed between the two renames
    asked.clear()
    assert_right(FeatureStore(tmp_path, embedder).features(SENTENCES), embedder)
    assert not caplog.records


def test_another_embedder_has_another_directory(model_directory, asked, tmp_path) -> None:
    for pooling in ("boundary", "mean"):
        embedder = ElmoEmbedder.from_pretrained(model_directory, pooling, device="cpu")
        assert_right(FeatureStore(tmp_path, embedder).features(SENTENCES), embedder)
        assert (tmp_path / embedder.fingerprint[:32]).is_dir()
    assert len(list(tmp_path.iterdir())) == 2


def test_the_same_model_elsewhere_shares(model_directory, embedder, asked, tmp_path) -> None:
    embedder.save(tmp_path / "copy")
    for directory in (model_directory, tmp_path / "copy"):
        settings = EmbedderSettings(model=str(directory), store=str(tmp_path / "store"))
        settings.open_store(settings.build()).features(SENTENCES)
    assert asked == SENTENCES


def test_results_that_round_differently_live_side_by_side(embedder, tmp_path, monkeypatch) -> None:
    """As when one process embeds on a GPU and another on a CPU, both having found nothing stored."""
    one, other = FeatureStore(tmp_path, embedder), FeatureStore(tmp_path, embedder)
    one_features = one.features(SENTENCES)
    stream = ElmoEmbedder.stream
    with monkeypatch.context() as patch:
        patch.setattr(
            ElmoEmbedder, "stream", lambda self, batch: ((i, layers * 1.001) for i, layers in stream(self, batch))
        )
        patch.setattr(FeatureStore, "_find_segments", lambda self: None)  # it looked a moment before
        other.features(SENTENCES)
    assert len(files(tmp_path, "*.bin")) == 2
    assert_right(one_features, embedder)  # the map of the first still shows what it was
    third = FeatureStore(tmp_path, embedder)
    for vectors, expected in zip(third.features(SENTENCES), one_features, strict=True):
        np.testing.assert_allclose(vectors, expected, rtol=3e-3, atol=1e-4)
    assert len(files(tmp_path, "*.bin")) == 2


MANY = [[f"kata{number}"] * (1 + number % 5) for number in range(60)]


def _write_many(directory: Path, embedder: ElmoEmbedder, barrier) -> None:
    torch.set_num_threads(1)
    opened = FeatureStore(directory, embedder)
    barrier.wait(timeout=60)
    assert_right(opened.features(MANY), embedder, MANY)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_processes_at_once(embedder, tmp_path, monkeypatch, caplog) -> None:
    monkeypatch.setattr(store, "SEGMENT_BYTES", 2000)
    context = multiprocessing.get_context("fork")  # others would import torch again, which takes seconds
    barrier = context.Barrier(3)
    processes = [context.Process(target=_write_many, args=(tmp_path, embedder, barrier)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
        assert process.exitcode == 0
    assert len(files(tmp_path, "*.json")) > 10
    assert_right(FeatureStore(tmp_path, embedder).features(MANY), embedder, MANY)
    assert not caplog.records and not files(tmp_path, ".*.partial")


def test_a_signal_stores_what_was_computed(embedder, asked, tmp_path) -> None:
    opened = FeatureStore(tmp_path, embedder)
    stream = embedder.stream

    def interrupted(sentences):
        for number, found in enumerate(stream(sentences)):
            if number == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            yield found

    embedder.stream = interrupted
    with pytest.raises(Interrupted, match=f"the vectors of 3 of {len(MANY)} sentences are kept"):
        opened.features(MANY)
    del embedder.stream
    again = FeatureStore(tmp_path, embedder)
    del asked[:]
    assert_right(again.features(MANY), embedder, MANY)
    assert len(files(tmp_path, "*.bin")) == 2 and not files(tmp_path, ".*.partial")


def test_what_killed_processes_left_is_removed(embedder, tmp_path) -> None:
    FeatureStore(tmp_path, embedder).features(SENTENCES)
    (directory,) = tmp_path.iterdir()
    (directory / "orphan.bin").write_bytes(b"x" * 64)  # killed before its index was written
    (directory / ".half.partial").write_bytes(b"x")
    writer = FeatureStore(tmp_path, embedder)
    assert not (directory / "orphan.bin").exists() and not (directory / ".half.partial").exists()
    with writer._lock(exclusive=False):  # somebody who lives is writing
        (directory / ".live.partial").write_bytes(b"x")
        FeatureStore(tmp_path, embedder)
        assert (directory / ".live.partial").exists()


def test_what_another_process_has_stored_is_found(embedder, asked, tmp_path) -> None:
    early = FeatureStore(tmp_path, embedder)
    FeatureStore(tmp_path, embedder).features(SENTENCES)
    del asked[:]
    found = early.features(SENTENCES)
    assert asked == []
    assert_right(found, embedder)
