"""Data sets of one's own: texts that have one label each."""

from __future__ import annotations

from typing import Literal

from tasks.classification.datasets import classification_datasets
from tasks.own_data.labelled import LabelledFiles, LabelledHub, TextColumns


@classification_datasets.register("files")
class ClassificationFiles(TextColumns, LabelledFiles):
    """CSV, TSV or JSON-lines files of texts that have one label each."""

    type: Literal["files"] = "files"


@classification_datasets.register("huggingface")
class ClassificationHub(TextColumns, LabelledHub):
    """A Hugging Face data set of texts that have one label each."""

    type: Literal["huggingface"] = "huggingface"
