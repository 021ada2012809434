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
from elmo_xlstm.tasks.data.examples import TaggedSentence
from elmo_xlstm.tasks.data.readers.conll import ConllReader
from elmo_xlstm.tasks.data.readers.problems import DataError

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
    assert [s.words for s in reading.examples] == [("budi", "lari"), ("kerja sama",)]
    assert [s.tags for s in reading.examples] == [("B-PPL", "O"), ("O",)]
    assert [s.origin for s in reading.examples] == [f"{path}:1", f"{path}:6"]
    assert (reading.problems, reading.skipped) == ((), 0)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_line_ends_and_a_byte_order_mark_change_nothing(write, end):
    plain = "budi\tB-PPL\nlari\tO\n\nia\tO\n"
    expected = read(write(plain)).examples
    marked = b"\xef\xbb\xbf" + plain.replace("\n", end).encode()
    assert read(write(marked)).examples == expected
    assert read(write(plain.rstrip("\n"))).examples == expected


def test_nothing_else_ends_a_line(write):
    reading = read(write("a\x0cb\tO\nc\u2028d\x85e\tO\n"))
    assert reading.examples[0].words == ("a\x0cb", "c\u2028d\x85e")


TOKENS = st.text(st.characters(codec="utf-8", exclude_characters="\t\n\r"), min_size=1, max_size=6).filter(
    lambda token: token.strip() and token != "-DOCSTART-" and not token.startswith("\ufeff")
)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(st.tuples(TOKENS, st.sampled_from(LABELS)), min_size=1, max_size=5), min_size=1, max_size=5))
def test_whatever_is_written_is_read_back(tmp_path_factory, sentences):
    path = tmp_path_factory.mktemp("conll") / "data.txt"
    path.write_bytes("\n".join("".join(f"{w}\t{t}\n" for w, t in sentence) for sentence in sentences).encode())
    found = read(path, LABELS).examples
    stripped = [[(word.strip(), tag) for word, tag in sentence] for sentence in sentences]
    assert [list(zip(s.words, s.tags or (), strict=True)) for s in found] == stripped


def test_columns_are_chosen_by_index(write):
    path = write("1 budi NNP B-PPL\n2 lari VB O\n")
    sentence = read(path, LABELS, separator=" ", word_column=1, tag_column=-1).examples[0]
    assert (sentence.words, sentence.tags) == (("budi", "lari"), ("B-PPL", "O"))


def test_columns_may_stand_apart_by_any_white_space(write):
    path = write("budi   NNP\tB-PPL\nlari VB  O\n")
    sentence = read(path, LABELS, separator=None, tag_column=2).examples[0]
    assert (sentence.words, sentence.tags) == (("budi", "lari"), ("B-PPL", "O"))
    with pytest.raises(DataError, match=r":2: 1 column, expected 3 \(separated by spaces or tabs\)"):
        read(write("a b c\nd\n"), separator=None)


def test_comments_are_skipped_and_end_nothing(write):
    path = write("# sent_id = 1\na\tO\n# text\n#tagar\tO\n")
    assert read(path, LABELS, comment="# ").examples[0].words == ("a", "#tagar")
    with pytest.raises(DataError, match=":1: 1 column|:2: 2 columns"):
        read(path, LABELS)


def test_conll_u(write):
    lines = ["# text = Hartanya banyak", "1-2\tHartanya\t_", "1\tHarta\tO", "2\tnya\tO", "2.1\tada\t_", "3\tbanyak\tO"]
    settings = {"word_column": 1, "tag_column": 2, "comment": "# "}
    path = write("\n".join(lines))
    assert read(path, LABELS, id_column=0, **settings).examples[0].words == ("Harta", "nya", "banyak")
    with pytest.raises(DataError, match=r":2: unknown label '_'"):
        read(path, LABELS, **settings)


def test_tags_are_renamed_before_they_are_checked(write):
    path = write("budi\tB-PER\nlari\t0\nhari\tB-DATE\n")
    names = {"B-PER": "B-PPL", "0": "O", "B-DATE": "O"}
    assert read(path, LABELS, names=names).examples[0].tags == ("B-PPL", "O", "O")
    with pytest.raises(DataError, match=r":1: unknown label 'B-PER'; did you mean 'B-PPL'\?|3 problems"):
        read(path, LABELS)


@pytest.mark.parametrize("suffix", [".gz", ".bz2", ".xz"])
def test_compressed_files(write, tmp_path, suffix):
    opened = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}[suffix]
    path = tmp_path / f"data.txt{suffix}"
    with opened(path, "wb") as file:
        file.write(b"a\tO\n\nb\tO\n")
    assert [s.words for s in read(path, LABELS).examples] == [("a",), ("b",)]
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(UserError, match="is damaged or cut off"):
        read(path, LABELS)


def test_unlabelled_files_are_read_without_tags(write):
    reading = read(write("budi\nlari\n\nia\n"), tag_column=None)
    assert [(s.words, s.tags) for s in reading.examples] == [(("budi", "lari"), None), (("ia",), None)]


def test_document_starts_are_skipped_and_end_a_sentence(write):
    path = write("-DOCSTART-\t-X-\n\na\tO\n-DOCSTART-\nb\tO\n")
    assert [s.words for s in read(path, LABELS).examples] == [("a",), ("b",)]
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
    assert [s.words for s in reading.examples] == [("d",)]
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
    with pytest.raises(UserError, match=r"data.txt:2: not UTF-8 \(byte 0xff at position 1 of the line\)"):
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


BLANKS = "Siti B-PPL\ndi O\nKota O\n\nia O\n"


@pytest.mark.parametrize(
    ("content", "separator", "working"),
    [
        (BLANKS, "\t", "' '"),
        (BLANKS.replace(" ", "\t"), " ", r"'\\t'"),
        ("Siti\tB-PPL\ndi\tO\nKota Batu\tO\n\nia\tO\n", " ", r"'\\t'"),
        (BLANKS.replace(" ", ";"), "\t", "';'"),
        (BLANKS.replace("di ", "di    "), "\t", "null"),
    ],
)
@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("columns", [{"tag_column": -1}, {}, {"columns": 2}])
def test_a_separator_that_leaves_one_column_is_refused(write, content, separator, working, strict, columns):
    with pytest.raises(UserError, match=f"one column .*set separator: {working}"):
        read(write(content), strict=strict, separator=separator, **columns)


def test_word_and_tag_are_two_columns(write):
    for columns in ({"word_column": 1}, {"word_column": 0, "tag_column": 0}, {"word_column": -2, "tag_column": 0}):
        with pytest.raises(UserError, match="are the same of 2 columns"):
            read(write("a\tO\n"), **columns)


def test_unlabelled_words_are_one_column(write):
    assert read(write("Kota Batu\nia\n"), tag_column=None).examples[0].words == ("Kota Batu", "ia")


def test_most_lines_say_how_many_columns_there_are(write):
    path = write("cut\nbudi\tO\nlari\tO\n\nia\tO\n")
    with pytest.raises(DataError) as caught:
        read(path)
    assert caught.value.problems == [f"{path}:1: 1 column, expected 2 (separated by tabs)"]
    assert [s.words for s in read(path, strict=False).examples] == [("ia",)]


def test_documents_begin_in_the_column_of_the_words(write):
    path = write("0\t-DOCSTART-\tO\n1\tbudi\tO\n-DOCSTART-\n2\tia\tO\n")
    assert [s.words for s in read(path, word_column=1, tag_column=2).examples] == [("budi",), ("ia",)]
    (sentence,) = read(write("-DOCSTART-\tbudi\tO\nx\tia\tO\n"), word_column=1, tag_column=2).examples
    assert sentence.words == ("budi", "ia")


def test_any_run_of_spaces_and_tabs_is_no_other_blank(write):
    (sentence,) = read(write(" Rp\u00a050.000 \t O\t\nKota\u2003Batu O\n"), separator=None).examples
    assert sentence.words == ("Rp\u00a050.000", "Kota\u2003Batu")


def test_words_and_tags_are_stripped_alike(write):
    (sentence,) = read(write("budi \t O\n\u00a0ia\tO\n")).examples
    assert (sentence.words, sentence.tags) == (("budi", "ia"), ("O", "O"))


def test_names_of_columns_are_no_word(write):
    path = write("Kata\tTag\nbudi\tO\nia\tO\n")
    for strict in (True, False):
        with pytest.raises(UserError, match=r"data\.txt:1: 'Kata' and 'Tag' are names of columns.*header: true"):
            read(path, strict=strict)
    assert [s.words for s in read(path, header=True).examples] == [("budi", "ia")]
    assert read(write("kata\tO\nbudi\tO\n")).examples[0].words == ("kata", "budi")
    assert read(write("kata\tNE\nbudi\tNE\n")).examples[0].words == ("kata", "budi")
