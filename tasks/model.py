"""A trained head with everything it reads words by."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from typing_extensions import Self

from elmo_xlstm.device import default_device
from elmo_xlstm.embedding import ElmoEmbedder, FeatureStore
from elmo_xlstm.errors import UserError
from elmo_xlstm.evaluation.results import MixWeights
from elmo_xlstm.modules import FeatureInputs, Head, Sentence, Vocabularies, Vocabulary
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.runs.files import check_file
from elmo_xlstm.runs.weights import require_finite
from elmo_xlstm.tasks.data.examples import Texts, Words
from elmo_xlstm.tasks.predictor import (
    WEIGHTS_FILE,
    FitContext,
    LabelSpace,
    Prediction,
    Predictor,
    lower_cased,
    no_trained_head,
)
from elmo_xlstm.training import History

WORDS_FILE = "words.vocabulary"
CHARACTERS_FILE = "characters.vocabulary"
BATCH_WORDS = 2**16
"""Words of a batch with its padding, at most, unless one example alone has more: memory is for 64 texts of 1,024."""


class TaskModel(Predictor):
    """From words to predictions; kinds of task define their head, examples and batches.

    Args:
        config: of the head.
        space: of labels.
        embedder: needed if the head mixes its layers; a copy of one that is to be fine-tuned becomes part of the head.
        vocabularies: of word vectors and character CNN, if the head has them.
        lower_case: lower-case words before anything reads them.
        weights: that are loaded next, so that files of pretrained word vectors are not read; a head of other sizes is
            refused before it takes memory.

    Raises:
        ValueError: the weights are not those of the head.
    """

    progress_label: ClassVar[str] = "predict"
    """Name of the predicting in progress bars."""

    def __init__(
        self,
        config: Any,
        space: LabelSpace,
        embedder: ElmoEmbedder | None,
        vocabularies: Vocabularies,
        lower_case: bool,
        weights: Mapping[str, torch.Tensor] | None = None,
    ) -> None:
        layers = (embedder.num_layers, embedder.dim) if embedder is not None else None
        self.space = space
        self.embedder = embedder
        self.vocabularies = vocabularies
        self.lower_case = lower_case
        inputs = FeatureInputs(layers, vocabularies, read_pretrained=weights is None)
        if weights is not None:
            self._compare_shapes(config, inputs, weights)
        head: Any = self.build_head(config, inputs)
        self.tuned = embedder.trainable_layers() if embedder is not None else None
        if self.tuned is not None:
            head.features.compute_layers(self.tuned)
        self.head: Any = head.to(default_device())
        self.collate = self.build_collator()

    def _compare_shapes(self, config: Any, inputs: FeatureInputs, weights: Mapping[str, torch.Tensor]) -> None:
        """Refuse weights of another head, or a head of any size that a stranger's settings ask for."""
        try:
            with torch.device("meta"):  # takes no memory
                expected = self.build_head(config, inputs).state_dict()
        except RuntimeError as error:  # torch cannot count so far
            raise ValueError(f"its settings give no sizes ({error})") from None
        for name, tensor in expected.items():
            found = tuple(weights[name].shape) if name in weights else "missing"
            if found != tuple(tensor.shape):
                raise ValueError(f"{name} is {found}, its settings give {tuple(tensor.shape)}")

    @abstractmethod
    def build_head(self, config: Any, inputs: FeatureInputs) -> Head:
        """The head with fresh weights."""

    @abstractmethod
    def build_collator(self) -> Callable[[Sequence[Any]], Any]:
        """The function that builds a batch of examples; the head is built by then."""

    @abstractmethod
    def example(self, texts: tuple[Sentence, ...], target: Sequence[str] | None) -> Any:
        """An example as the collator takes it.

        Args:
            texts: words, and layers or pieces.
            target: labels that the head should predict, in training.
        """

    @abstractmethod
    def texts(self, example: Any) -> tuple[Sentence, ...]:
        """The texts of an example."""

    @abstractmethod
    def predict_batch(self, batch: Any, scores: bool = False) -> list[Prediction]:
        """Predictions for a batch on the head's device; ``scores``: with probabilities of tags and spans."""

    @classmethod
    def for_training(
        cls, config: Any, space: LabelSpace, texts: Sequence[Texts], embedder: ElmoEmbedder | None, lower_case: bool
    ) -> Self:
        """A fresh model whose vocabularies come from training texts."""
        sentences = [words for parts in (lower_cased(texts) if lower_case else texts) for words in parts]
        return cls(config, space, embedder, config.vocabularies(sentences), lower_case)

    def fit(
        self, train: Sequence[Texts], targets: Sequence[Sequence[str]], valid: Sequence[Texts], context: FitContext
    ) -> History:
        """Train the head; validation texts choose the epoch."""
        train_examples = self.read(train, targets, context.store, context.progress)
        valid_examples = self.read(valid, None, context.store, context.progress)
        scorable = [
            target
            for example, labels in zip(valid_examples, context.valid_targets, strict=True)
            if self._can_be_learned(target := self.example(self.texts(example), labels))
        ]
        return context.trainer.fit(
            self.head,
            train_examples,
            self.collate,
            length=self.length,
            evaluate=lambda: context.evaluate(self.predict(valid_examples, context.batch_size)),
            valid_loss=lambda: self.loss(scorable, context.batch_size),
            monitor=context.monitor,
            directory=context.directory,
            progress=context.progress,
            resume=context.resume,
            seed=context.seed,
            own_rates=[(self.tuned, self.tuned.learning_rate)] if self.tuned is not None else [],
        )

    def predict_texts(
        self,
        texts: Sequence[Texts],
        batch_size: int = 64,
        store: FeatureStore | None = None,
        progress: Progress | None = None,
        scores: bool = False,
    ) -> list[Prediction]:
        """Read texts and predict for each."""
        return self.predict(self.read(texts, None, store, progress), batch_size, progress, scores)

    def read(
        self,
        texts: Sequence[Texts],
        targets: Sequence[Sequence[str]] | None = None,
        store: FeatureStore | None = None,
        progress: Progress | None = None,
    ) -> list[Any]:
        """Examples with what the head needs of the language model: vectors, or pieces to compute them from.

        Args:
            texts: words of each.
            targets: labels that the head should predict, for training.
            store: keeps vectors; they are computed and not kept without one.
            progress: shows the embedding.
        """
        if self.lower_case:
            texts = lower_cased(texts)
        sentences = [words for parts in texts for words in parts]
        read = iter(self._sentences(sentences, store, progress))
        known = targets if targets is not None else [None] * len(texts)
        return [
            self.example(tuple(next(read) for _ in parts), target) for parts, target in zip(texts, known, strict=True)
        ]

    def _sentences(
        self, sentences: Sequence[Words], store: FeatureStore | None, progress: Progress | None
    ) -> list[Sentence]:
        if self.embedder is None:
            return [Sentence(words) for words in sentences]
        if self.tuned is not None:
            return [Sentence(words, pieces=self.embedder.pieces(words)) for words in sentences]
        layers: Sequence[np.ndarray]
        if store is not None:
            layers = store.features(sentences, progress)
        else:
            # As in a store, so that a score does not depend on where vectors come from; one after another, for those of
            # all sentences in fp32 would take thrice the memory.
            found = {index: vectors.astype(np.float16) for index, vectors in self.embedder.stream(sentences)}
            layers = [found[index] for index in range(len(found))]
        return [Sentence(words, None, vectors) for words, vectors in zip(sentences, layers, strict=True)]

    def length(self, example: Any) -> int:
        """Words of an example; those of similar length share a batch."""
        return sum(len(sentence.words) for sentence in self.texts(example))

    @torch.no_grad()
    def predict(
        self,
        examples: Sequence[Any],
        batch_size: int = 64,
        progress: Progress | None = None,
        scores: bool = False,
    ) -> list[Prediction]:
        """A prediction for each example, in their order."""
        self.head.eval()
        device = next(self.head.parameters()).device
        predictions: list[Prediction] = [Prediction(())] * len(examples)
        with (progress or NullProgress()).task(self.progress_label, len(examples)) as work:
            for chosen in self._batches(examples, batch_size):
                batch = self.collate([self.example(self.texts(examples[index]), None) for index in chosen])
                for index, prediction in zip(chosen, self.predict_batch(batch.to(device), scores), strict=True):
                    predictions[index] = prediction
                work.advance(len(chosen))
        return predictions

    @torch.no_grad()
    def loss(self, examples: Sequence[Any], batch_size: int = 64) -> float:
        """The mean over examples with targets; NaN if there are none."""
        self.head.eval()
        device = next(self.head.parameters()).device
        total = 0.0
        for chosen in self._batches(examples, batch_size):
            batch = self.collate([examples[index] for index in chosen])
            total += len(chosen) * self.head.loss(batch.to(device)).item()
        return total / len(examples) if examples else float("nan")

    def _can_be_learned(self, example: Any) -> bool:
        """Whether the targets keep to the scheme; those of validation texts are only scored and need not."""
        try:
            self.collate([example])
        except UserError:
            return False
        return True

    def _batches(self, examples: Sequence[Any], batch_size: int) -> Iterator[list[int]]:
        """Places of examples of similar length: ``batch_size`` of them, or fewer where these are very long."""
        batch: list[int] = []
        for index in sorted(range(len(examples)), key=lambda index: self.length(examples[index])):
            if batch and (len(batch) == batch_size or (len(batch) + 1) * self.length(examples[index]) > BATCH_WORDS):
                yield batch
                batch = []
            batch.append(index)
        if batch:
            yield batch

    def parameter_counts(self) -> dict[str, int]:
        """Parameters of each part of the head, trained or not."""
        counts: dict[str, int] = self.head.parameter_counts()
        return counts

    def parameters(self) -> tuple[int, int]:
        """Parameters of the head, all and trained ones."""
        parameters = list(self.head.parameters())
        return sum(p.numel() for p in parameters), sum(p.numel() for p in parameters if p.requires_grad)

    def mixes(self) -> dict[str, MixWeights]:
        """Learned layer weights, if the head mixes layers."""
        mix = self.head.features.mix
        return {} if mix is None else {"head": MixWeights(weights=mix.normalized_weights(), gamma=mix.gamma.item())}

    def save(self, directory: Path) -> None:
        """Write weights, labels and vocabularies; a frozen language model is written by itself."""
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.head.state_dict().items()}
        save_file(weights, directory / WEIGHTS_FILE)
        self.space.save(directory)
        for vocabulary, name in zip(self.vocabularies, (WORDS_FILE, CHARACTERS_FILE), strict=True):
            if vocabulary is not None:
                vocabulary.save(directory / name)

    @classmethod
    def load(cls, directory: Path, config: Any, embedder: ElmoEmbedder | None, lower_case: bool) -> Self:
        """Read the files of :meth:`save`.

        Raises:
            UserError: a file is missing or damaged, or the weights are another head's or not finite.
        """
        try:
            space = LabelSpace.load(directory)
            check_file(directory / WEIGHTS_FILE)
            weights = load_file(directory / WEIGHTS_FILE)
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise no_trained_head(directory, error) from None
        require_finite(weights, directory / WEIGHTS_FILE)
        vocabularies = Vocabularies(
            Vocabulary.load(directory / WORDS_FILE) if config.words else None,
            Vocabulary.load(directory / CHARACTERS_FILE) if config.characters else None,
        )
        try:
            model = cls(config, space, embedder, vocabularies, lower_case, weights)
        except ValueError as error:
            raise UserError(f"{directory}: no head as its {WEIGHTS_FILE} has it: {error}; restore the run") from None
        try:
            model.head.load_state_dict(weights)
        except RuntimeError as error:
            raise UserError(f"{directory / WEIGHTS_FILE}: not the weights of this run's head ({error})") from None
        return model
