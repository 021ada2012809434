"""Data sets of one's own: pairs of texts that have one label each."""

from __future__ import annotations

from typing import Literal

from tasks.own_data.labelled import LabelledFiles, LabelledHub, PairColumns
from tasks.pairs.datasets import pair_datasets


@pair_datasets.register("files")
class PairsFiles(PairColumns, LabelledFiles):
    """CSV, TSV or JSON-lines files of pairs of texts that have one label each."""

    type: Literal["files"] = "files"


@pair_datasets.register("huggingface")
class PairsHub(PairColumns, LabelledHub):
    """A Hugging Face data set of pairs of texts that have one label each."""

    type: Literal["huggingface"] = "huggingface"
