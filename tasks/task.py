"""Base of all kinds of task: from data to a trained head, its scores and its predictions."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Generic

from pydantic import Field

from elmo_xlstm.config import Settings
from elmo_xlstm.embedding import ElmoEmbedder, FeatureStore
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import MixWeights, Name
from elmo_xlstm.progress import Progress
from elmo_xlstm.runs.atomic import write_atomically
from elmo_xlstm.runs.files import writing
from elmo_xlstm.tasks.answers import Answer
from elmo_xlstm.tasks.data.examples import Example, ExampleT, Splits, Texts
from elmo_xlstm.tasks.data.readers.input_rows import InputRow
from elmo_xlstm.tasks.data.readers.new_text import TEXT
from elmo_xlstm.tasks.predictor import FitContext, HeadSettings, LabelSpace, Prediction, Predictor
from elmo_xlstm.tasks.scores import Comparison, Labels, Scores
from elmo_xlstm.training import History, Trainer

logger = logging.getLogger(__name__)


class Task(ABC, Generic[ExampleT]):
    """Reads, trains, scores and predicts one data set; kinds of task fill in what differs.

    A kind names its :attr:`model_class` and defines :meth:`compare`, :meth:`metrics`, :meth:`read_gold`,
    :meth:`read_row`, :meth:`inputs`, :meth:`outputs` and :meth:`answer`. Its settings derive from :class:`Config` and
    add ``type``, ``dataset`` and ``head``. The data set has ``load()``, which gives
    :class:`~elmo_xlstm.tasks.data.examples.Splits`.
    New text is predicted in :mod:`elmo_xlstm.tasks.predict`.

    Args:
        config: of the kind.
        embedder: of the experiment, if there is one.
    """

    model_class: ClassVar[type[Predictor]]
    texts_named: ClassVar[tuple[str, ...]] = TEXT
    """Columns or keys of the texts of new examples."""
    input_name: ClassVar[str] = "text"
    """Of a new example, for messages."""
    main_metric: str = "macro_f1"

    class Config(Settings):
        """Settings that all kinds of task share."""

        name: Name
        """The column of the leaderboard."""
        lower_case: bool = False
        """Lower-case words before anything reads them; for data that is lower-cased itself, so that cased text can be
        predicted too, and for small data sets, where casing makes words rare."""
        batch_size: Annotated[int, Field(gt=0)] = 64
        """Examples in a batch of validation and prediction."""
        train_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
        """Share of the training examples that is used, for curves of score by amount of data. Which ones is the same
        for all seeds, and a larger share contains a smaller one."""

        @property
        def needs_embedder(self) -> bool:
            """Whether the head reads a language model."""
            head: HeadSettings = self.head  # type: ignore[attr-defined]
            return head.needs_embedder

    def __init__(self, config: Any, embedder: ElmoEmbedder | None) -> None:
        self.config = config
        self.embedder = embedder
        self.model: Predictor | None = None
        self._data: Splits[ExampleT] | None = None

    @abstractmethod
    def metrics(self, gold: Sequence[Labels], predicted: Sequence[Labels]) -> dict[str, float]:
        """Corpus-level scores by name, the main one among them; asked for after each epoch."""

    @abstractmethod
    def compare(self, gold: Sequence[Labels], predicted: Sequence[Labels]) -> Comparison:
        """All scores.

        Raises:
            ValueError: the two cannot be compared.
        """

    @abstractmethod
    def read_gold(self, path: Path) -> Sequence[ExampleT]:
        """Labelled examples of a further file of the data set's form."""

    @abstractmethod
    def read_row(self, row: InputRow) -> ExampleT:
        """An example to predict for, without labels.

        Raises:
            ValueError: says what is wrong with the row.
        """

    @abstractmethod
    def inputs(self, example: ExampleT) -> dict[str, Any]:
        """The example's texts, as JSON values by name, for files of predictions."""

    def without_words(self, text: str) -> ExampleT:
        """An example of a text in which there is no word; nothing is predicted for it."""
        raise UserError(f"{text!r:.100}: holds no word")

    @abstractmethod
    def outputs(self, example: ExampleT, prediction: Prediction, top_k: int | None = None) -> dict[str, Any]:
        """A prediction, as JSON values by name, with the probabilities of the ``top_k`` best labels or of all."""

    @abstractmethod
    def answer(self, example: ExampleT, prediction: Prediction, top_k: int | None = None) -> Answer:
        """A prediction, as plain values; likewise."""

    def targets(self, examples: Sequence[ExampleT]) -> list[Labels]:
        """Labels to train the head on: the gold, unless a kind mends it first."""
        return [labels_of(example) for example in examples]

    def shown(self, labels: Labels) -> Any:
        """Labels as a JSON value, for the file of test predictions."""
        return list(labels)

    def texts(self, example: ExampleT) -> Texts:
        """The words that the model reads of an example."""
        return example.parts

    @property
    def data(self) -> Splits[ExampleT]:
        """The three splits, read on first use."""
        if self._data is None:
            self._data = self.read_data()
        return self._data

    def read_data(self) -> Splits[ExampleT]:
        """Read the three splits."""
        splits: Splits[ExampleT] = self.config.dataset.load()
        return splits

    @property
    def space(self) -> LabelSpace:
        """Labels that can be predicted."""
        return LabelSpace(tuple(self.data.labels), tuple(self.data.aspects))

    @property
    def checksums(self) -> dict[str, str]:
        """SHA-256 of every data file read, by name."""
        return dict(self.data.sha256)

    @property
    def skipped(self) -> dict[str, int]:
        """Number of bad rows left out, by the file or part they were read from; only where there were any."""
        return dict(self.data.skipped)

    def split(self, name: str) -> Sequence[ExampleT]:
        """The whole of a split of the task's own data: train, valid or test."""
        examples: Sequence[ExampleT] = getattr(self.data, name)
        return examples

    def prepare(self) -> dict[str, Any]:
        """Read the data and build an untrained model.

        Returns:
            Sizes, for a dry run.
        """
        self._train = self._fraction(self.split("train"))
        self._targets = self.targets(self._train)
        texts = [self.texts(example) for example in self._train]
        self.model = self.predictor_class.for_training(
            self.config.head, self.space, texts, self.embedder, self.config.lower_case
        )
        self._check_gold("valid", "the epoch is chosen by the validation loss")
        self._check_gold("test", "nothing can be said of the model")
        sizes = {"train": len(self._train), "valid": len(self.split("valid")), "test": len(self.split("test"))}
        return {
            "sentences": sizes,
            "labels": len(self.space.labels),
            "parameters": self.model.parameter_counts(),
            **({"skipped": self.skipped} if self.skipped else {}),
        }

    def fit(
        self,
        trainer: Trainer,
        store: FeatureStore | None,
        directory: Path,
        seed: int,
        resume: bool = False,
        progress: Progress | None = None,
    ) -> History:
        """Train the prepared model on the training data, choosing the epoch by the validation data."""
        model = self.built()
        valid = self.split("valid")
        gold = [labels_of(example) for example in valid]

        def evaluate(predictions: Sequence[Prediction]) -> dict[str, float]:
            return self.metrics(gold, [prediction.labels for prediction in predictions])

        history = model.fit(
            [self.texts(example) for example in self._train],
            self._targets,
            [self.texts(example) for example in valid],
            FitContext(
                evaluate,
                self.targets(valid),
                self.main_metric,
                trainer,
                directory,
                seed,
                self.config.batch_size,
                store,
                resume,
                progress,
            ),
        )
        with writing(directory):
            model.save(directory)
        return history

    def load(self, directory: Path) -> None:
        """Read the trained model of a run; its data is not needed."""
        self.model = self.predictor_class.load(directory, self.config.head, self.embedder, self.config.lower_case)

    def score(
        self, examples: Sequence[ExampleT], store: FeatureStore | None = None, progress: Progress | None = None
    ) -> Scores:
        """Predict and compare with the gold, as it stands in the file.

        Raises:
            UserError: the gold is of another kind than the task's.
        """
        predictions = self.predictions(examples, store, progress)
        gold = [labels_of(example) for example in examples]
        try:
            comparison = self.compare(gold, [prediction.labels for prediction in predictions])
        except ValueError as error:
            raise UserError(f"{self.config.name}: these examples cannot be scored: {error}") from None
        return Scores(**vars(comparison), predictions=predictions)

    def predictions(
        self,
        examples: Sequence[ExampleT],
        store: FeatureStore | None = None,
        progress: Progress | None = None,
        scores: bool = False,
    ) -> list[Prediction]:
        """A prediction of the model for each example, with probabilities of tags and spans if ``scores``."""
        texts = [self.texts(example) for example in examples]
        return self.built().predict_texts(texts, self.config.batch_size, store, progress, scores)

    def write_predictions(self, path: Path, examples: Sequence[ExampleT], scores: Scores) -> None:
        """Write texts, gold and predicted labels as JSON lines."""
        rows = (
            {
                **self.inputs(example),
                "gold": self.shown(labels_of(example)),
                "predicted": self.shown(prediction.labels),
            }
            for example, prediction in zip(examples, scores.predictions, strict=True)
        )
        write_atomically(path, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode())

    def mixes(self) -> dict[str, MixWeights]:
        """Learned layer weights, for the result file."""
        return self.built().mixes()

    def parameters(self) -> tuple[int, int]:
        """Parameters of the head, all and trained ones."""
        return self.built().parameters()

    @property
    def predictor_class(self) -> type[Predictor]:
        """Class that is trained: the one of the head's settings, or else the kind's ``model_class``."""
        head: HeadSettings = self.config.head
        return head.predictor_class or self.model_class

    def built(self) -> Predictor:
        """The model, untrained or trained.

        Raises:
            RuntimeError: there is none yet.
        """
        if self.model is None:
            raise RuntimeError("prepare() or load() comes first")
        return self.model

    def _check_gold(self, split: str, consequence: str) -> None:
        """Warn where all predictions for a split have the same score, which right ones show.

        Raises:
            UserError: the split cannot be scored.
        """
        gold = [labels_of(example) for example in self.split(split)]
        try:
            best = self.metrics(gold, gold)[self.main_metric]
        except ValueError as error:
            raise UserError(f"{self.config.name}: the {split} data cannot be scored: {error}") from None
        if best == 0:
            logger.warning(
                "%s: the %s data hold nothing to be found, so that %s is 0 whatever is predicted and %s; take %s data "
                "that hold some",
                *(self.config.name, split, self.main_metric, consequence, split),
            )

    def _fraction(self, examples: Sequence[ExampleT]) -> Sequence[ExampleT]:
        """The share of training examples that is used: those with the smallest hashes, in the file's order."""
        count = math.ceil(self.config.train_fraction * len(examples))
        if count == len(examples):
            return examples
        keys = [
            (hashlib.sha256(json.dumps([self.texts(e), labels_of(e)]).encode(errors="surrogatepass")).digest(), index)
            for index, e in enumerate(examples)
        ]
        return [examples[index] for index in sorted(index for _, index in sorted(keys)[:count])]


def labels_of(example: Example) -> Labels:
    """The gold labels; none where they are not known."""
    return example.gold or ()
