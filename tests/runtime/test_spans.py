from __future__ import annotations

import random

from seqeval.metrics.sequence_labeling import get_entities

from elmo_xlstm.runtime.spans import find_spans


def test_spans_are_those_of_seqeval_also_of_broken_sequences() -> None:
    chooser = random.Random(1)
    tags = ["O", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in ("PER", "LOC")), "B", "I"]
    for _ in range(2000):
        sentence = chooser.choices(tags, k=chooser.randrange(8))
        expected = [("" if kind == "_" else kind, start, stop + 1) for kind, start, stop in get_entities(sentence)]
        assert find_spans(sentence) == expected, sentence
