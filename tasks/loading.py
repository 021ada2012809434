"""Models that answer at once: a head that the package carries, one's own run, or one of the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, overload

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.model_directory import is_on_the_hub
from elmo_xlstm.machine import limit_primitive_cache
from elmo_xlstm.pretrained import CARRIED_HEADS, carried_head
from elmo_xlstm.tasks import predict
from elmo_xlstm.tasks.answers import Answer
from elmo_xlstm.tasks.data.examples import ExampleT
from elmo_xlstm.tasks.new_examples import NewExample, read_values, windows
from elmo_xlstm.tasks.predictor import Prediction
from elmo_xlstm.tasks.registry import register_tasks
from elmo_xlstm.tasks.task import Task
from elmo_xlstm.text.words import split_words

Given = str | Sequence[str]
"""A text, or its words; or the two texts of a pair, or of a question and its passage."""


def load(name_or_path: str | Path) -> Annotator[Any]:
    """A trained model, ready to predict.

    Args:
        name_or_path: ``ner``, ``pos``, ``sentiment``, ``emotion``, ``absa`` or ``keyphrases``, which the package
            carries; the directory of a finished run or of an exported head (``./ner`` for one that has such a name); or
            the name of an exported head on the Hugging Face hub.

    Raises:
        UserError: there is no such model, it is damaged, or its language model is another than it was trained on.
    """
    limit_primitive_cache()
    register_tasks()
    return Annotator(predict.FinishedRun(find_head(name_or_path)).task)


def find_head(name_or_path: str | Path) -> Path:
    """The directory of a carried head, a run, an exported head, or a snapshot of one from the hub.

    Raises:
        UserError: this installation lacks the head, or the hub does not give it.
    """
    if str(name_or_path) in CARRIED_HEADS:
        return carried_head(str(name_or_path))
    if not is_on_the_hub(name_or_path):
        if not Path(name_or_path).exists():
            raise UserError(
                f"{name_or_path}: no run there, nor a model that the package carries ({', '.join(CARRIED_HEADS)}); "
                "train one with finetune"
            )
        return Path(name_or_path)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError

    patterns = ["*.json", "*.safetensors", "*.vocabulary"]
    try:
        return Path(snapshot_download(str(name_or_path), allow_patterns=patterns))
    except (HfHubHTTPError, OSError, ValueError) as error:
        raise UserError(
            f"{name_or_path}: no such directory, and the Hugging Face hub does not give it ({type(error).__name__}); "
            "give the directory of a run, or check the name and the network"
        ) from None


class Annotator(Generic[ExampleT]):
    """Predicts for texts.

    Args:
        task: trained.

    Attributes:
        labels: that can be predicted: tags, labels of texts, or polarities.
        aspects: that each have a polarity; empty unless the task has aspects.
    """

    def __init__(self, task: Task[ExampleT]) -> None:
        self.task = task
        space = task.built().space
        self.labels = space.labels
        self.aspects = space.aspects

    @overload
    def predict(self, texts: str, top_k: int | None = None) -> Any: ...

    @overload
    def predict(self, texts: Iterable[Given], top_k: int | None = None) -> Iterator[Any]: ...

    def predict(self, texts: str | Iterable[Given], top_k: int | None = None) -> Any:
        """Predict for a text, or for many in a stream.

        Args:
            texts: one text; or any iterable, also an endless one, of texts or lists of words (of pairs: of two texts;
                of questions: of question and passage).
            top_k: how many labels with their probabilities; all by default.

        Returns:
            For one text its answer, see :mod:`elmo_xlstm.tasks.answers`; else an iterator over answers in their order,
            which holds some hundred texts at a time.

        Raises:
            UserError: a text is none, or has more than 50,000 words.
        """
        if isinstance(texts, str):
            return next(self._answers([texts], top_k))
        return self._answers(texts, top_k)

    def _answers(self, texts: Iterable[Given], top_k: int | None) -> Iterator[Answer]:
        examples = (self._example(number, given) for number, given in enumerate(texts, start=1))
        for window in windows(examples, predict.CHUNK_WORDS, predict.CHUNK_EXAMPLES):
            filled = [new for new in window if new.words]
            found = dict(zip(map(id, filled), predict.predict_window(self.task, filled), strict=True)) if filled else {}
            for new in window:
                yield self.task.answer(new.example, found.get(id(new), Prediction(())), top_k)

    def _example(self, number: int, given: Given) -> NewExample[ExampleT]:
        names = self.task.texts_named
        if len(names) == 1:
            parts: list[Any] = [given]
            if isinstance(given, str) and not split_words(given):
                return NewExample(self.task.without_words(given), 0, {})
        else:
            parts = list(given)
        if len(parts) != len(names):
            raise UserError(f"text {number}: {len(parts)} texts, expected {' and '.join(names)}")
        values = [list(part) if isinstance(part, tuple) else part for part in parts]
        return read_values(self.task, number, dict(zip(names, values, strict=True)))
