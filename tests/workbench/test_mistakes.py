from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.evaluation.tagging import count_spans
from elmo_xlstm.tasks.data.examples import LabelledText, TaggedSentence
from elmo_xlstm.workbench.error_page import pieces, render
from elmo_xlstm.workbench.mistakes import Span, confusion, label_mistakes, span_mistakes

TAGS = ["O", "B-A", "I-A", "B-B", "I-B"]


def sentence(words: str) -> TaggedSentence:
    return TaggedSentence(tuple(words.split()), None, "here:1")


def kinds(gold: str, predicted: str) -> list[tuple[str, Span | None, Span | None]]:
    words = sentence(" ".join(f"w{n}" for n in range(len(gold.split()))))
    found = span_mistakes([words], [gold.split()], [predicted.split()])
    return [(mistake.kind, mistake.gold, mistake.predicted) for mistake in found]


def test_what_is_wrong_with_a_span() -> None:
    a = Span("A", 0, 2)
    assert kinds("B-A I-A O", "B-A I-A O") == []
    assert kinds("B-A I-A O", "B-A O O") == [("boundary", a, Span("A", 0, 1))]
    assert kinds("B-A I-A O", "B-B I-B O") == [("type", a, Span("B", 0, 2))]
    assert kinds("B-A I-A O", "O B-B I-B") == [("boundary and type", a, Span("B", 1, 3))]
    assert kinds("B-A I-A O", "O O O") == [("missed", a, None)]
    assert kinds("O O O", "B-A I-A O") == [("spurious", None, a)]


def test_the_best_partner_is_taken_once_and_the_longest_mistake_is_first() -> None:
    found = kinds("B-A I-A I-A I-A O B-B", "B-A B-A I-A I-A O O")
    assert found == [
        ("boundary", Span("A", 0, 4), Span("A", 1, 4)),
        ("missed", Span("B", 5, 6), None),
        ("spurious", None, Span("A", 0, 1)),
    ]


sequences = st.lists(st.tuples(st.sampled_from(TAGS), st.sampled_from(TAGS)), min_size=1, max_size=8)


@given(st.lists(sequences, min_size=1, max_size=6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_counts_sum_to_false_positives_and_negatives(pairs, plain) -> None:
    gold, predicted = ([[pair[side] for pair in row] for row in pairs] for side in (0, 1))
    examples = [sentence(" ".join(["kata"] * len(row))) for row in pairs]
    right, guessed, true = count_spans(gold, predicted, plain=plain).counts.sum(axis=(0, 2))
    mistakes = span_mistakes(examples, gold, predicted, plain)
    assert sum(mistake.predicted is not None for mistake in mistakes) == guessed - right
    assert sum(mistake.gold is not None for mistake in mistakes) == true - right
    assert sum(mistake.counted for mistake in mistakes) == (guessed - right) + (true - right)
    assert [mistake.size for mistake in mistakes] == sorted((mistake.size for mistake in mistakes), reverse=True)


def test_labels_and_aspects() -> None:
    texts = [
        LabelledText.of_texts(["pendek saja"], None, "x:1"),
        LabelledText.of_texts(["yang ini lebih panjang"], None, "x:2"),
    ]
    gold, predicted = [("a", "b"), ("a", "a")], [("a", "a"), ("b", "a")]
    found = label_mistakes(texts, gold, predicted, ("rasa", "harga"))
    assert [(m.example, m.aspect, m.gold.type, m.predicted.type) for m in found] == [
        (1, "rasa", "a", "b"),
        (0, "harga", "b", "a"),
    ]
    labels, counts = confusion(gold, predicted)
    assert labels == ["a", "b"] and counts == [[2, 1], [1, 0]]
    assert np.sum(counts) - np.trace(counts) == len(found)


class Texts(HTMLParser):
    """What a browser would show, and the elements there are."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said, self.elements = "", set[str]()
        self.feed(page)

    def handle_starttag(self, tag, attrs) -> None:
        self.elements.add(tag)

    def handle_data(self, data) -> None:
        self.said += data


def test_the_page_shows_all_and_runs_nothing() -> None:
    evil = "<script>alert(1)</script>"
    words = TaggedSentence((evil, "&amp;", "😊", "\ud800", "akhir"), None, f"{evil}:1")
    gold, predicted = ["B-A", "I-A", "O", "O", "O"], ["B-A", "O", "O", "B-<b>", "O"]
    mistakes = span_mistakes([words], [gold], [predicted])
    page = render(f"judul {evil}", 1, mistakes, ([evil], [[1]]))
    shown = Texts(page)
    assert "script" not in shown.elements and "b" not in shown.elements
    for text in (evil, "&amp;", "😊", "boundary", "spurious", "3 false positives and negatives", "<b>"):
        assert text in shown.said
    assert list(pieces(mistakes[0])) == [(evil, "gold predicted"), ("&amp;", "gold"), ("😊 \ud800 akhir", "")]
