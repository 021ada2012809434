"""How files are fetched and verified is tested with the repository (tests/tasks/data/test_repository.py)."""

from __future__ import annotations

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.modules import repair_bio
from elmo_xlstm.tasks.data import indonlu
from elmo_xlstm.tasks.data.indonlu import DATASETS, REPOSITORY, DataLocation, dataset, locate, read_file, reader_of


def test_the_commit_is_pinned_in_full() -> None:
    assert len(REPOSITORY.commit) == 40
    address = REPOSITORY.url(DATASETS["nerp"].files["test"])
    assert address == (
        f"https://raw.githubusercontent.com/IndoNLP/indonlu/{REPOSITORY.commit}/dataset/"
        "nerp_ner-prosa/test_preprocess.txt"
    )


def test_the_setting_goes_before_the_environment(declare, put, monkeypatch, tmp_path) -> None:
    declare()
    directory = put()
    monkeypatch.setenv(REPOSITORY.variable, str(directory))
    assert locate("tiny", "train") == directory / "tiny/train.txt"
    with pytest.raises(UserError, match=r"elsewhere/tiny/train.txt: no such file; data_dir should"):
        locate("tiny", "train", DataLocation(data_dir=tmp_path / "elsewhere"))
    monkeypatch.setenv(REPOSITORY.variable, str(tmp_path / "nowhere"))
    with pytest.raises(UserError, match=r"nowhere/tiny/train.txt: no such file; \$ELMO_XLSTM_INDONLU should"):
        locate("tiny", "train", DataLocation())


def test_another_content_is_refused(declare, put) -> None:
    declare()
    directory = put()
    path = directory / "tiny/test.txt"
    path.write_bytes(path.read_bytes().replace(b"B-PPL", b"O"))
    with pytest.raises(UserError, match=r"tiny/test.txt: not IndoNLU's file \(commit ce728f6\)"):
        locate("tiny", "test", DataLocation(data_dir=directory))


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UserError, match="no IndoNLU data set"):
        locate("none", "train")


@pytest.fixture
def load(declare, put):
    def load(content=None, rows=None, **values):
        given = {key: value for key, value in (("content", content), ("rows", rows)) if value is not None}
        declare(**given, **values)
        return indonlu.load("tiny", DataLocation(data_dir=put(content) if content is not None else put()))

    return load


def test_the_three_splits_are_read(load):
    splits = load()
    assert [s.words for s in splits.train] == [("budi", "lari"), ("ia",), ("ia",)]
    assert splits.train[2].tags == ("I-PPL",)  # a stray I- stays as the file has it
    assert splits.test[1].words == ("kerja sama",)
    assert len(splits.valid) == 1
    assert splits.labels == ("O", "B-PPL", "I-PPL")
    assert splits.sha256 == {file.path: file.sha256 for file in dataset("tiny").files.values()}


def test_training_stops_where_the_table_says(load):
    assert [s.words for s in load(train_used=2).train] == [("budi", "lari"), ("ia",)]


def test_a_file_of_another_length_is_refused(load):
    with pytest.raises(UserError, match=r"valid.txt: 1 rows, expected 4"):
        load(rows={"train": 3, "valid": 4, "test": 2})


def test_masked_test_labels_are_refused(load):
    content = {"train": "a\tB-PPL\n", "valid": "a\tO\n", "test": "a\tO\nb\tO\n"}
    with pytest.raises(UserError, match=r"test.txt: every label is 'O': the labels of this test file are masked"):
        load(content, {"train": 1, "valid": 1, "test": 1})


def test_a_label_outside_the_declared_set_is_refused(load):
    with pytest.raises(UserError, match=r"train.txt:1: unknown label 'B-PPL'"):
        load(labels=("O", "B-XXX"))


def test_words_are_split_at_tabs_alone(load):
    content = {"train": "a O\n", "valid": "a\tO\n", "test": "a\tO\n"}
    with pytest.raises(UserError, match=r"train.txt: .*one column .*separator: ' '"):
        load(content, {"train": 1, "valid": 1, "test": 1})


def test_the_masked_file_of_the_benchmark_would_be_refused_by_its_reader_too(tmp_path):
    path = tmp_path / "test_preprocess_masked_label.txt"
    path.write_text("kata\tO\n\n" * 840)
    with pytest.raises(UserError, match="masked"):
        read_file(path, DATASETS["nerp"], "test")


def test_stray_inside_tags_are_kept_for_scoring_and_mended_for_training(load) -> None:
    splits = load()
    assert splits.train[2].tags == ("I-PPL",)
    assert repair_bio(splits.train[2].tags) == (["B-PPL"], 1)


def test_words_may_hold_spaces(load) -> None:
    content = {"train": "kerja sama\tB-NNO\n", "valid": "a\tB-NNO\n", "test": "a b c\tB-NNO\nd\tB-SYM\n"}
    splits = load(content, {"train": 1, "valid": 1, "test": 1}, labels=("B-NNO", "B-SYM"))
    assert splits.train[0].words == ("kerja sama",)
    assert splits.test[0].words == ("a b c", "d")


def test_tags_that_training_lacks_are_declared(load) -> None:
    content = {"train": "a\tB-NN\n", "valid": "a\tB-FW\n", "test": "a\tB-NN\nb\tI-NN\n"}
    splits = load(content, {"train": 1, "valid": 1, "test": 1}, labels=("B-NN", "B-FW", "I-NN"))
    assert splits.labels == ("B-NN", "B-FW", "I-NN")
    assert splits.valid[0].tags == ("B-FW",)


def test_validation_rows_at_the_end_of_the_training_file_are_left_out(load) -> None:
    content = {"train": "a\tB\n\nb\tO\n\nc\tB\n", "valid": "c\tB\n", "test": "d\tB\ne\tO\n"}
    splits = load(content, {"train": 3, "valid": 1, "test": 1}, labels=("O", "B", "I"), train_used=2)
    assert {s.words for s in splits.train}.isdisjoint(s.words for s in splits.valid)
    assert len(splits.train) == 2


REVIEWS = {
    "train": 'review,ac,wifi\n"dingin, mantap",pos,neut\npanas,neg,neut\n',
    "valid": "review,ac,wifi\nlambat,neut,neg\n",
    "test": 'review,ac,wifi\n"baris satu\nbaris dua",neut,neut\nmati,neg,pos\n',
}
REVIEW_ROWS = {"train": 2, "valid": 1, "test": 2}


@pytest.fixture
def load_reviews(declare, put):
    """Load the tiny task as an aspect task of the given contents."""

    def load_reviews(content=REVIEWS, rows=REVIEW_ROWS, **values):
        values = {"kind": "aspects", "labels": ("neg", "neut", "pos"), "aspects": ("ac", "wifi")} | values
        declare(content, rows, texts=("review",), **values)
        return indonlu.load("tiny", DataLocation(data_dir=put(content)))

    return load_reviews


def test_the_three_splits_are_read_of_texts(load_reviews) -> None:
    splits = load_reviews()
    assert [example.texts for example in splits.train] == [("dingin, mantap",), ("panas",)]
    assert [example.labels for example in splits.train] == [("pos", "neut"), ("neg", "neut")]
    assert splits.test[0].words == (("baris", "satu", "baris", "dua"),)
    assert (splits.labels, splits.aspects) == (("neg", "neut", "pos"), ("ac", "wifi"))
    assert splits.sha256 == {file.path: file.sha256 for file in dataset("tiny").files.values()}


def test_aspects_are_read_by_name(load_reviews) -> None:
    splits = load_reviews(aspects=("wifi", "ac"))
    assert splits.train[0].labels == ("neut", "pos")


def test_a_file_of_another_length_is_refused_of_texts(load_reviews) -> None:
    with pytest.raises(UserError, match=r"train.txt: 2 rows, expected 3"):
        load_reviews(rows=REVIEW_ROWS | {"train": 3})


def test_a_changed_file_is_refused(load_reviews, put) -> None:
    load_reviews()
    changed = put(REVIEWS | {"test": REVIEWS["test"].replace("mati", "hidup")})
    with pytest.raises(UserError, match="test.txt: .* SHA-256"):
        indonlu.load("tiny", DataLocation(data_dir=changed))


def test_masked_test_labels_are_refused_of_texts(load_reviews) -> None:
    masked = REVIEWS | {"test": "review,ac,wifi\na,neut,neut\nb,neut,neut\n"}
    with pytest.raises(UserError, match=r"test.txt: every label is 'neut': .* masked; use test_preprocess\.\*"):
        load_reviews(masked)


def test_a_label_outside_the_declared_set_is_refused_of_texts(load_reviews) -> None:
    with pytest.raises(UserError, match=r"train.txt:2: unknown label 'pos'"):
        load_reviews(labels=("neg", "neut"))


FILES = {
    "smsa": ('tempat "nyaman\tpositive\ntidak\tnegative\n', [("positive",), ("negative",)], 1),
    "emot": ('label,tweet\nfear,"takut\n, hantu"\nlove,sayang\n', [("fear",), ("love",)], 1),
    "casa": ("sentence,fuel,machine,others,part,price,service\nirit," + ",".join(["positive"] * 6) + "\n", None, 1),
    "hoasa": ("review," + ",".join(DATASETS["hoasa"].aspects) + "\nbau," + ",".join(["neg_pos"] * 10) + "\n", None, 1),
    "wrete": ("sent_A,sent_B,category,label\na,b,,NotEntail\nc,d,x,Entail_or_Paraphrase\n", None, 2),
}


@pytest.mark.parametrize("name", FILES)
def test_the_benchmarks_own_forms(name, tmp_path) -> None:
    text, labels, texts = FILES[name]
    (tmp_path / "file").write_text(text, encoding="utf-8")
    examples = reader_of(dataset(name)).read(tmp_path / "file", dataset(name).labels).examples
    assert all(len(example.texts) == texts for example in examples)
    assert all(len(example.labels) == max(1, len(dataset(name).aspects)) for example in examples)
    if labels is not None:
        assert [example.labels for example in examples] == labels


def test_the_masked_file_of_the_benchmark_would_be_refused_by_its_reader_too_of_texts(tmp_path) -> None:
    path = tmp_path / "test_preprocess_masked_label.csv"
    path.write_text("label,tweet\n" + "happy,kata\n" * 440)
    with pytest.raises(UserError, match="masked"):
        read_file(path, DATASETS["emot"], "test")


def test_every_data_set_of_labelled_texts_names_its_columns() -> None:
    labelled = {name for name, chosen in DATASETS.items() if chosen.kind not in ("tagging", "question")}
    assert labelled == {"smsa", "emot", "casa", "hoasa", "wrete"}
    assert {name for name, chosen in DATASETS.items() if chosen.texts} == labelled - {"smsa"}
