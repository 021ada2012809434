"""Unlabelled input for predictions: plain text, or JSON lines."""

from __future__ import annotations

from pathlib import Path

from tasks.readers.json_line import parse_json
from tasks.readers.problems import read_lines, refuse_or_warn
from tasks.readers.sentence import Reading, TaggedSentence
from tasks.readers.word_tokenizer import split_words

JSON_LINES_SUFFIXES = (".jsonl", ".ndjson")
EXPECTED = 'expected {"words": ["...", ...]} or {"text": "..."}'


def read_predict_input(path: Path, strict: bool = True) -> Reading:
    """Read sentences without tags.

    A file named ``.jsonl`` or ``.ndjson`` holds one JSON object a line: ``{"words": [...]}`` is taken
    as it is, ``{"text": "..."}`` is split into words (:func:`~tasks.readers.word_tokenizer.split_words`);
    other keys are ignored. Any other file is plain text, one sentence a line. Blank lines are passed over.

    Args:
        path: UTF-8.
        strict: refuse a file with bad lines; false skips and counts them.

    Raises:
        DataError: strict, and lines are bad: all are counted, the first twenty listed.
        UserError: the file is missing, not UTF-8 or holds no sentence.
    """
    json_lines = path.suffix.lower() in JSON_LINES_SUFFIXES
    sentences: list[TaggedSentence] = []
    problems: list[str] = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        origin = f"{path}:{number}"
        try:
            words = _words_of_object(line) if json_lines else split_words(line)
        except ValueError as error:
            problems.append(f"{origin}: {error}")
            continue
        sentences.append(TaggedSentence(tuple(words), None, origin))
    skipped = len(problems)
    refuse_or_warn(path, problems, skipped, strict)
    if not sentences:
        problems.append(f"{path}: holds no sentence")
        refuse_or_warn(path, problems, skipped, strict=True)
    return Reading(tuple(sentences), tuple(problems), skipped)


def _words_of_object(line: str) -> list[str]:
    """The words of one JSON line.

    Raises:
        ValueError: says what is wrong with it.
    """
    value = parse_json(line, EXPECTED)
    if not isinstance(value, dict) or ("words" in value) == ("text" in value):
        raise ValueError(EXPECTED)
    if "text" in value:
        text = value["text"]
        if not isinstance(text, str) or not text.strip():
            raise ValueError(f"'text' must be a text that is not empty; {EXPECTED}")
        return split_words(text)
    words = value["words"]
    if not isinstance(words, list) or not words:
        raise ValueError(f"'words' must be a list that is not empty; {EXPECTED}")
    if not all(isinstance(word, str) and word.strip() for word in words):
        raise ValueError(f"'words' holds something that is no word; {EXPECTED}")
    return words
