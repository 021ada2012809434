"""Data sets of one's own: texts with a label for each aspect."""

from __future__ import annotations

from typing import Literal

from tasks.aspects.datasets import aspect_datasets
from tasks.own_data.labelled import AspectColumns, LabelledFiles, LabelledHub


@aspect_datasets.register("files")
class AspectsFiles(AspectColumns, LabelledFiles):
    """CSV, TSV or JSON-lines files of texts with a label for each aspect."""

    type: Literal["files"] = "files"


@aspect_datasets.register("huggingface")
class AspectsHub(AspectColumns, LabelledHub):
    """A Hugging Face data set of texts with a label for each aspect."""

    type: Literal["huggingface"] = "huggingface"
