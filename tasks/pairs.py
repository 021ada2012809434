"""Pairs: a label for two texts, such as whether one follows from the other."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.modules import PairClassifier
from elmo_xlstm.tasks.classification import LabelTask
from elmo_xlstm.tasks.data import LabelledText, pair_datasets
from elmo_xlstm.tasks.data.readers.input_rows import InputRow
from elmo_xlstm.tasks.data.readers.new_text import PAIR, parse_pair
from elmo_xlstm.tasks.defaults import default_head
from elmo_xlstm.tasks.heads import pair_heads
from elmo_xlstm.tasks.registry import tasks


class PairTask(LabelTask):
    """Reads, trains, scores and predicts a data set of pairs of texts with a label each.

    Args:
        config: see :class:`Config`.
        embedder: of the experiment, if there is one.
    """

    texts_named = PAIR

    @tasks.register("pairs")
    class Config(LabelTask.Config):
        """A task on pairs of texts."""

        type: Literal["pairs"] = "pairs"
        dataset: Annotated[Any, pair_datasets]
        head: Annotated[Any, pair_heads] = Field(default_factory=default_head("pairs", PairClassifier.Config))

        def build(self, embedder: ElmoEmbedder | None) -> PairTask:
            """Make the task."""
            return PairTask(self, embedder)

    def read_row(self, row: InputRow) -> LabelledText:
        """A pair of texts."""
        return parse_pair(row)

    def inputs(self, example: LabelledText) -> dict[str, Any]:
        """Both texts."""
        return dict(zip(PAIR, example.texts, strict=True))
