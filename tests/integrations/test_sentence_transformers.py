from __future__ import annotations

import numpy as np
import pytest

library = pytest.importorskip("sentence_transformers")

TEXTS = ["Siti tiba di Surabaya.", "Budi", "rumah dan Jakarta " * 9]


def test_saved_and_loaded_it_gives_the_same_vectors(model_directory, embedder, tmp_path) -> None:
    from elmo_xlstm.integrations.sentence_transformers import ElmoSentences

    model = library.SentenceTransformer(modules=[ElmoSentences(model_directory, "max", 1)], device="cpu")
    vectors = model.encode(TEXTS)
    np.testing.assert_allclose(vectors, embedder.encode(TEXTS, "max", 1), atol=1e-5)
    model.save(str(tmp_path / "saved"))
    again = library.SentenceTransformer(str(tmp_path / "saved"), device="cpu", trust_remote_code=True)
    np.testing.assert_array_equal(again.encode(TEXTS), vectors)
    assert again.get_embedding_dimension() == embedder.dim
