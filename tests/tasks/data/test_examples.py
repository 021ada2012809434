from __future__ import annotations

import pytest

from elmo_xlstm.tasks.data.examples import LabelledText


def test_words_of_texts() -> None:
    example = LabelledText.of_texts(["Enak, mantap!", "dua"], ["pos"], "here:1")
    assert example.words == (("Enak", ",", "mantap", "!"), ("dua",))
    assert (example.texts, example.labels, example.origin) == (("Enak, mantap!", "dua"), ("pos",), "here:1")
    assert LabelledText.of_texts(["a"], None, "here:1").labels is None


@pytest.mark.parametrize("text", ["", " \n\t", "\u2003"])
def test_a_text_has_words(text) -> None:
    with pytest.raises(ValueError, match="empty text"):
        LabelledText.of_texts(["a", text], None, "here:1")
