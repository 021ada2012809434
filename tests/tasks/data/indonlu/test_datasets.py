from __future__ import annotations

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.published import GROUPS
from elmo_xlstm.tasks.data.indonlu import DATASETS, SPLITS, dataset

PAPER = {  # labels, train / valid / test
    "emot": (5, 3521, 440, 440),
    "smsa": (3, 11000, 1260, 500),
    "casa": (3, 810, 90, 180),
    "hoasa": (4, 2283, 285, 286),
    "wrete": (2, 300, 50, 100),
    "posp": (26, 6720, 840, 840),
    "bapos": (41, 8000, 1000, 1029),
    "terma": (5, 3000, 1000, 1000),
    "keps": (3, 800, 200, 247),
    "nergrit": (7, 1672, 209, 209),
    "nerp": (11, 6720, 840, 840),
    "facqa": (3, 2495, 311, 311),
}


def test_the_table_has_the_sizes_that_the_paper_gives():
    found = {n: (len(d.labels), *(d.files[s].rows for s in SPLITS)) for n, d in DATASETS.items()}
    assert found == PAPER


def test_the_tasks_are_those_of_the_published_table_in_its_order():
    assert list(DATASETS) == [task for tasks in GROUPS.values() for task in tasks]


def test_labels_and_files_are_distinct_and_checksums_complete():
    files = [file for d in DATASETS.values() for file in d.files.values()]
    assert len({file.path for file in files}) == len({file.sha256 for file in files}) == 36
    assert all(len(file.sha256) == 64 and set(file.sha256) <= set("0123456789abcdef") for file in files)
    for name, d in DATASETS.items():
        assert d.name == name
        assert len(set(d.labels)) == len(d.labels)
        assert not any("masked" in file.path for file in d.files.values())


def test_aspects_are_declared_for_aspect_tasks_alone():
    assert {name: len(d.aspects) for name, d in DATASETS.items() if d.aspects} == {"casa": 6, "hoasa": 10}


def test_every_inside_tag_has_its_beginning():
    for d in DATASETS.values():
        if d.kind == "tagging":
            assert {"B" + label[1:] for label in d.labels if label[0] == "I"} <= set(d.labels)


def test_terma_trains_on_the_rows_that_are_not_its_validation_file():
    assert [DATASETS["terma"].rows(split) for split in SPLITS] == [2000, 1000, 1000]
    assert DATASETS["nerp"].rows("train") == 6720


def test_an_unknown_name_is_refused_with_all_names():
    with pytest.raises(UserError, match="'ner'; there are: emot, .*nerp"):
        dataset("ner")
