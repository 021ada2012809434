from __future__ import annotations

import pytest
import torch

from elmo_xlstm.embedding.pieces import PieceBatch, sentence_pieces
from elmo_xlstm.lm.model import Encoding

SENTENCES = [["Siti", "zz", "di"], [], ["rumah"]]


def test_pieces_stand_between_begin_and_end(tiny_tokenizer) -> None:
    pieces, empty, _ = sentence_pieces(SENTENCES, tiny_tokenizer)
    assert [pieces.input_ids[0], pieces.input_ids[-1]] == [tiny_tokenizer.bos_id, tiny_tokenizer.eos_id]
    assert len(pieces.input_ids) == 2 + 4 and (pieces.first, pieces.last) == ([1, 2, 4], [1, 3, 4])
    assert len(empty.input_ids) == 2 and empty.first == empty.last == []


def test_a_batch_is_padded_on_the_right(tiny_tokenizer) -> None:
    batch = PieceBatch.of(sentence_pieces(SENTENCES, tiny_tokenizer))
    assert len(batch) == 3 and batch.input_ids.shape == (3, 6)
    assert batch.mask.sum(dim=1).tolist() == [6, 2, 3] and batch.mask[2].tolist() == [True] * 3 + [False] * 3
    assert batch.first.tolist() == [1, 2, 4, 2 * 6 + 1] and batch.last.tolist() == [1, 3, 4, 2 * 6 + 1]
    flat = batch.input_ids.flatten()
    assert flat[batch.first[3]] == tiny_tokenizer.encode_words(["rumah"]).input_ids[0]
    moved = batch.to("meta")
    assert all(part.is_meta for part in (moved.input_ids, moved.mask, moved.first, moved.last))


@pytest.mark.parametrize(("pooling", "forward", "backward"), [("boundary", 3, 2), ("first", 2, 2), ("last", 3, 3)])
def test_words_of_an_encoding(pooling, forward, backward, tiny_tokenizer) -> None:
    batch = PieceBatch.of(sentence_pieces(SENTENCES, tiny_tokenizer))
    embeddings, ahead, back = (torch.randn(3, 6, 2) for _ in range(3))
    words = batch.words(Encoding(embeddings, [ahead], [back]), pooling)
    assert words.shape == (4, 2, 4)
    assert torch.equal(words[1, 0], torch.cat([embeddings[0, forward], embeddings[0, backward]]))
    assert torch.equal(words[1, 1], torch.cat([ahead[0, forward], back[0, backward]]))
