from __future__ import annotations

import numpy as np
import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.export.static import contextual_vectors, export_static, token_vectors

SENTENCES = [["Siti", "tiba", "di", "Surabaya"], [], ["di", "di", "rumah"]]


def test_a_piece_has_the_mean_of_all_its_places(embedder) -> None:
    word = embedder.pieces(["di"]).input_ids[1]
    alone = embedder([["di"]])[0].mean(axis=1)
    places = [
        embedder([words])[0][place].mean(axis=0) for words in SENTENCES for place, w in enumerate(words) if w == "di"
    ]
    np.testing.assert_allclose(contextual_vectors(embedder)[word], alone[0], atol=1e-5)
    expected = np.mean([alone[0], *places], axis=0)
    np.testing.assert_allclose(contextual_vectors(embedder, SENTENCES)[word], expected, atol=1e-5)


def test_both_libraries_read_the_directory(embedder, tmp_path) -> None:
    model2vec = pytest.importorskip("model2vec")
    export_static(embedder, tmp_path / "token")
    export_static(embedder, tmp_path / "contextual", "contextual", SENTENCES)
    table = token_vectors(embedder)
    ids = embedder.pieces(["Siti", "tiba", "di"]).input_ids[1:-1]
    model = model2vec.StaticModel.from_pretrained(tmp_path / "token")
    np.testing.assert_allclose(model.encode(["Siti tiba di"])[0], table[ids].mean(axis=0), atol=1e-5)
    assert model2vec.StaticModel.from_pretrained(tmp_path / "contextual").dim == embedder.dim
    sentence_transformers = pytest.importorskip("sentence_transformers")
    same = sentence_transformers.SentenceTransformer(str(tmp_path / "token"), device="cpu")
    np.testing.assert_allclose(same.encode(["Siti tiba di"])[0], table[ids].mean(axis=0), atol=1e-5)


def test_what_is_there_stays(embedder, tmp_path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(UserError, match="is there already"):
        export_static(embedder, tmp_path)
