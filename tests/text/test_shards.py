from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.text.shards import ShardWriter, TokenStream, token_dtype


def write(directory: Path, pieces: list[list[int]], shard_tokens: int, dtype: np.dtype) -> TokenStream:
    writer = ShardWriter(directory, "train", shard_tokens, dtype)
    for piece in pieces:
        writer.write(np.array(piece, dtype=dtype))
    return TokenStream(directory, {"characters": 0, "documents": 0, "shards": writer.close()}, dtype)


@settings(max_examples=50, deadline=None)
@given(
    pieces=st.lists(st.lists(st.integers(0, 2**16 - 1), max_size=9), max_size=8),
    shard_tokens=st.integers(1, 7),
    vocab_size=st.sampled_from([2**16, 2**16 + 1]),
    data=st.data(),
)
def test_any_span_reads_back_across_shards(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[list[int]], shard_tokens: int, vocab_size: int, data
) -> None:
    directory = tmp_path_factory.mktemp("shards")
    stream = write(directory, pieces, shard_tokens, token_dtype(vocab_size))
    tokens = [token for piece in pieces for token in piece]
    assert len(stream) == len(tokens)
    start = data.draw(st.integers(0, len(tokens)))
    stop = data.draw(st.integers(start, len(tokens)))
    read = stream.read(start, stop)
    assert read.dtype == np.int64 and read.tolist() == tokens[start:stop]
    sizes = [path.stat().st_size // token_dtype(vocab_size).itemsize for path in sorted(directory.iterdir())]
    assert all(size == shard_tokens for size in sizes[:-1]) and sum(sizes) == len(tokens)


def test_two_bytes_hold_ids_up_to_65535_little_endian(tmp_path: Path) -> None:
    write(tmp_path, [[1, 65535]], 10, token_dtype(65536))
    assert (tmp_path / "train-00000.bin").read_bytes() == b"\x01\x00\xff\xff"
    assert token_dtype(65537).str == "<u4"


def test_shards_are_described_with_their_hash(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path, "validation", 2, token_dtype(10))
    writer.write(np.array([1, 2, 3]))
    shards = writer.close()
    assert [(shard["name"], shard["tokens"], shard["bytes"]) for shard in shards] == [
        ("validation-00000.bin", 2, 4),
        ("validation-00001.bin", 1, 2),
    ]
    for shard in shards:
        assert shard["sha256"] == hashlib.sha256((tmp_path / shard["name"]).read_bytes()).hexdigest()


@pytest.mark.parametrize(("start", "stop"), [(-1, 2), (2, 1), (0, 4), (4, 4)])
def test_spans_outside_the_stream_are_refused(tmp_path: Path, start: int, stop: int) -> None:
    stream = write(tmp_path, [[1, 2, 3]], 2, token_dtype(10))
    with pytest.raises(IndexError, match="stream of 3"):
        stream.read(start, stop)


def test_what_is_read_is_a_copy(tmp_path: Path) -> None:
    stream = write(tmp_path, [[1, 2, 3]], 2, token_dtype(10))
    stream.read(0, 3)[:] = 9
    assert stream.read(0, 3).tolist() == [1, 2, 3]


def test_pickled_stream_carries_no_tokens(tmp_path: Path) -> None:
    stream = write(tmp_path, [[7] * 50_000], 50_000, token_dtype(10))
    stream.read(0, 5)
    pickled = pickle.dumps(stream)
    assert len(pickled) < 2000
    assert pickle.loads(pickled).read(49_999, 50_000).tolist() == [7]
