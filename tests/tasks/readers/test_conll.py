from __future__ import annotations

import bz2
import gzip
import logging
import lzma

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.errors import UserError
from tasks.readers.conll import ConllReader
from tasks.readers.problems import DataError
from tasks.readers.sentence import TaggedSentence

LABELS = ("O", "B-PPL", "I-PPL")


def read(path, labels=None, strict=True, names=None, **config):
    return ConllReader.Config(**config).build(strict, names).read(path, labels)


@pytest.fixture
def write(tmp_path):
    def write(content):
        path = tmp_path / "data.txt"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_sentences_words_tags_and_origins(write):
    path = write("budi\tB-PPL\nlari\tO\n\n\n\nkerja sama\tO\n")
    reading = read(path, LABELS)
    assert [s.words for s in reading.sentences] == [("budi", "lari"), ("kerja sama",)]
    assert [s.tags for s in reading.sentences] == [("B-PPL", "O"), ("O",)]
    assert [s.origin for s in reading.sentences] == [f"{path}:1", f"{path}:6"]
    assert (reading.problems, reading.skipped) == ((), 0)


def test_windows_line_ends_and_a_byte_order_mark_change_nothing(write):
    plain = "budi\tB-PPL\nlari\tO\n\nia\tO\n"
    expected = read(write(plain)).sentences
    marked = b"\xef\xbb\xbf" + plain.replace("\n", "\r\n").encode()
    assert read(write(marked)).sentences == expected
    assert read(write(plain.rstrip("\n"))).sentences == expected


def test_only_line_feeds_end_a_line(write):
    reading = read(write("a\x0cb\tO\nc\u2028d\x85e\tO\n"))
    assert reading.sentences[0].words == ("a\x0cb", "c\u2028d\x85e")


TOKENS = st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), min_size=1, max_size=6).filter(
    lambda token: token.strip() and token != "-DOCSTART-" and not token.startswith("\ufeff")
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(st.tuples(TOKENS, st.sampled_from(LABELS)), min_size=1, max_size=5), min_size=1, max_size=5))
def test_whatever_is_written_is_read_back(tmp_path_factory, sentences):
    path = tmp_path_factory.mktemp("conll") / "data.txt"
    path.write_bytes("\n".join("".join(f"{w}\t{t}\n" for w, t in sentence) for sentence in sentences).encode())
    found = read(path, LABELS).sentences
    assert [list(zip(s.words, s.tags or (), strict=True)) for s in found] == sentences


def test_columns_are_chosen_by_index(write):
    path = write("1 budi NNP B-PPL\n2 lari VB O\n")
    sentence = read(path, LABELS, separator=" ", word_column=1, tag_column=-1).sentences[0]
    assert (sentence.words, sentence.tags) == (("budi", "lari"), ("B-PPL", "O"))


def test_columns_may_stand_apart_by_any_white_space(write):
    path = write("budi   NNP\tB-PPL\nlari VB  O\n")
    sentence = read(path, LABELS, separator=None, tag_column=2).sentences[0]
    assert (sentence.words, sentence.tags) == (("budi", "lari"), ("B-PPL", "O"))
    with pytest.raises(DataError, match=r":2: 1 column, expected 3 \(separated by white space\)"):
        read(write("a b c\nd\n"), separator=None)


def test_comments_are_skipped_and_end_nothing(write):
    path = write("# sent_id = 1\na\tO\n# text\n#tagar\tO\n")
    assert read(path, LABELS, comment="# ").sentences[0].words == ("a", "#tagar")
    with pytest.raises(DataError, match=":1: 1 column|:2: 2 columns"):
        read(path, LABELS)


def test_conll_u(write):
    lines = ["# text = Hartanya banyak", "1-2\tHartanya\t_", "1\tHarta\tO", "2\tnya\tO", "2.1\tada\t_", "3\tbanyak\tO"]
    settings = {"word_column": 1, "tag_column": 2, "comment": "# "}
    path = write("\n".join(lines))
    assert read(path, LABELS, id_column=0, **settings).sentences[0].words == ("Harta", "nya", "banyak")
    with pytest.raises(DataError, match=r":2: unknown label '_'"):
        read(path, LABELS, **settings)


def test_tags_are_renamed_before_they_are_checked(write):
    path = write("budi\tB-PER\nlari\t0\nhari\tB-DATE\n")
    names = {"B-PER": "B-PPL", "0": "O", "B-DATE": "O"}
    assert read(path, LABELS, names=names).sentences[0].tags == ("B-PPL", "O", "O")
    with pytest.raises(DataError, match=r":1: unknown label 'B-PER'; did you mean 'B-PPL'\?|3 problems"):
        read(path, LABELS)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_compressed_files(write, tmp_path, suffix):
    opened = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}[suffix]
    path = tmp_path / f"data.txt{suffix}"
    with opened(path, "wb") as file:
        file.write(b"a\tO\n\nb\tO\n")
    assert [s.words for s in read(path, LABELS).sentences] == [("a",), ("b",)]
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match="is damaged or cut off"):
        read(path, LABELS)


def test_unlabelled_files_are_read_without_tags(write):
    reading = read(write("budi\nlari\n\nia\n"), tag_column=None)
    assert [(s.words, s.tags) for s in reading.sentences] == [(("budi", "lari"), None), (("ia",), None)]


def test_document_starts_are_skipped_and_end_a_sentence(write):
    path = write("-DOCSTART-\t-X-\n\na\tO\n-DOCSTART-\nb\tO\n")
    assert [s.words for s in read(path, LABELS).sentences] == [("a",), ("b",)]
    with pytest.raises(DataError, match=r":1: unknown label '-X-'"):
        read(path, LABELS, skip_document_start=False)


BAD = "a\tO\nb O\nc\tB-XXX\n\nd\tO\n\n \tO\ne\t\nf\tO\tO\n"


def test_strict_names_every_problem_by_file_line_and_reason(write):
    path = write(BAD)
    with pytest.raises(DataError) as caught:
        read(path, LABELS)
    assert caught.value.problems == [
        f"{path}:2: 1 column, expected 2 (separated by tabs)",
        f"{path}:3: unknown label 'B-XXX'",
        f"{path}:7: empty token",
        f"{path}:8: empty label",
        f"{path}:9: 3 columns, expected 2 (separated by tabs)",
    ]
    message = str(caught.value)
    assert message.startswith(f"{path}: 5 problems\n")
    assert all(problem in message for problem in caught.value.problems)
    assert message.endswith("Mend the file.")


def test_lenient_skips_whole_sentences_and_counts(write, caplog):
    path = write(BAD)
    with caplog.at_level(logging.WARNING):
        reading = read(path, LABELS, strict=False)
    assert [s.words for s in reading.sentences] == [("d",)]
    assert reading.skipped == 2
    assert len(reading.problems) == 5
    assert "2 skipped" in caplog.text


def test_only_the_first_twenty_problems_are_listed_and_all_are_counted(write):
    path = write("".join(f"w{i}\tX\n" for i in range(33)))
    with pytest.raises(DataError) as caught:
        read(path, LABELS)
    message = str(caught.value)
    assert "33 problems" in message
    assert f"{path}:20:" in message
    assert f"{path}:21:" not in message
    assert "... and 13 more" in message
    assert len(caught.value.problems) == 33


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("content", ["", "\n\n", "-DOCSTART-\tO\n"])
def test_a_file_without_sentences_is_refused(write, content, strict):
    with pytest.raises(UserError, match="holds no sentence"):
        read(write(content), strict=strict)


def test_a_column_that_is_not_there_is_named(write):
    with pytest.raises(DataError, match=r":1: no such column among 2: word column 0, tag column 3"):
        read(write("a\tO\n"), tag_column=3)


def test_files_that_cannot_be_read_are_user_errors(write, tmp_path):
    with pytest.raises(UserError, match="no such file"):
        read(tmp_path / "none.txt")
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path)
    with pytest.raises(UserError, match=r"data.txt:2: not UTF-8 \(byte 4\)"):
        read(write(b"a\tO\n\xff\tO\n"))


def test_settings_are_validated():
    assert validate(ConllReader.Config, {"type": "conll", "tag_column": None}).tag_column is None
    with pytest.raises(ConfigError, match="tag_colum: unknown key; did you mean 'tag_column'"):
        validate(ConllReader.Config, {"tag_colum": 1})
    with pytest.raises(ConfigError, match="separator"):
        validate(ConllReader.Config, {"separator": ""})


def test_a_sentence_has_one_tag_for_each_word():
    with pytest.raises(ValueError, match="x:1: 2 words but 1 tags"):
        TaggedSentence(("a", "b"), ("O",), "x:1")
