"""A trained tagger with everything it reads words by."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from elmo_xlstm.device import default_device
from elmo_xlstm.embedding import ElmoEmbedder, FeatureStore
from elmo_xlstm.errors import UserError
from elmo_xlstm.heads import Sentence, Tagger, Vocabulary, WordCollator
from elmo_xlstm.progress import NullProgress, Progress

WEIGHTS_FILE = "tagger.safetensors"
LABELS_FILE = "labels.json"
WORDS_FILE = "words.vocabulary"
CHARACTERS_FILE = "characters.vocabulary"


class TaggingModel:
    """From words to tags.

    Args:
        config: of the head.
        labels: all tags, in the order of their ids.
        embedder: needed if the head mixes its layers.
        words: needed if the head has word vectors.
        characters: needed if the head has a character CNN.
        lower_case: lower-case words before anything reads them.
        initialise: read files of pretrained word vectors; not wanted when weights are loaded next.
    """

    def __init__(
        self,
        config: Tagger.Config,
        labels: Sequence[str],
        embedder: ElmoEmbedder | None,
        words: Vocabulary | None,
        characters: Vocabulary | None,
        lower_case: bool,
        initialise: bool = True,
    ) -> None:
        layers = (embedder.num_layers, embedder.dim) if embedder is not None else None
        self.labels = tuple(labels)
        self.embedder = embedder
        self.lower_case = lower_case
        self.tagger = config.build(labels, layers, characters, words, initialise).to(default_device())
        self.collate = WordCollator(self.tagger.scheme, words, characters)

    @classmethod
    def for_training(
        cls,
        config: Tagger.Config,
        labels: Sequence[str],
        sentences: Sequence[Sequence[str]],
        embedder: ElmoEmbedder | None,
        lower_case: bool,
    ) -> TaggingModel:
        """A fresh model whose vocabularies come from training sentences."""
        if lower_case:
            sentences = [[word.lower() for word in sentence] for sentence in sentences]
        words = config.words.vocabulary(sentences) if config.words else None
        characters = config.characters.vocabulary(sentences) if config.characters else None
        return cls(config, labels, embedder, words, characters, lower_case)

    def read(
        self,
        sentences: Sequence[Sequence[str]],
        tags: Sequence[Sequence[str]] | None = None,
        store: FeatureStore | None = None,
        progress: Progress | None = None,
    ) -> list[Sentence]:
        """Sentences with the vectors that the head needs.

        Args:
            sentences: words of each.
            tags: of each word, for training.
            store: keeps the vectors; they are computed and not kept without one.
            progress: shows the embedding.
        """
        if self.lower_case:
            sentences = [[word.lower() for word in sentence] for sentence in sentences]
        layers: Sequence[np.ndarray | None] = [None] * len(sentences)
        if self.embedder is not None and store is not None:
            layers = store.features(sentences, progress)
        elif self.embedder is not None:
            # As in a store, so that a score does not depend on where vectors come from.
            layers = [vectors.astype(np.float16) for vectors in self.embedder(sentences)]
        known = tags if tags is not None else [None] * len(sentences)
        return [Sentence(*parts) for parts in zip(sentences, known, layers, strict=True)]

    @torch.no_grad()
    def tag(
        self, sentences: Sequence[Sentence], batch_size: int = 64, progress: Progress | None = None
    ) -> list[list[str]]:
        """The best tags of each sentence, in their order."""
        self.tagger.eval()
        device = next(self.tagger.parameters()).device
        order = sorted(range(len(sentences)), key=lambda index: len(sentences[index].words))
        tags: list[list[str]] = [[] for _ in sentences]
        with (progress or NullProgress()).task("tag sentences", len(sentences)) as work:
            for start in range(0, len(order), batch_size):
                chosen = order[start : start + batch_size]
                batch = self.collate([sentences[index]._replace(tags=None) for index in chosen])
                for index, ids in zip(chosen, self.tagger.decode(batch.to(device)), strict=True):
                    tags[index] = self.tagger.scheme.decode(ids)
                work.advance(len(chosen))
        return tags

    def save(self, directory: Path) -> None:
        """Write weights, labels and vocabularies; the language model is written by itself."""
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.tagger.state_dict().items()}
        save_file(weights, directory / WEIGHTS_FILE)
        (directory / LABELS_FILE).write_text(json.dumps(self.labels, ensure_ascii=False) + "\n", encoding="utf-8")
        for vocabulary, name in ((self.collate.words, WORDS_FILE), (self.collate.characters, CHARACTERS_FILE)):
            if vocabulary is not None:
                vocabulary.save(directory / name)

    @classmethod
    def load(
        cls, directory: Path, config: Tagger.Config, embedder: ElmoEmbedder | None, lower_case: bool
    ) -> TaggingModel:
        """Read what :meth:`save` wrote.

        Raises:
            UserError: a file is missing or damaged, or the weights are another head's.
        """
        try:
            labels = json.loads((directory / LABELS_FILE).read_text(encoding="utf-8"))
            weights = load_file(directory / WEIGHTS_FILE)
        except (OSError, ValueError, SafetensorError) as error:
            raise UserError(
                f"{directory}: no trained tagger there ({error}); finish its training with --resume"
            ) from None
        words = Vocabulary.load(directory / WORDS_FILE) if config.words else None
        characters = Vocabulary.load(directory / CHARACTERS_FILE) if config.characters else None
        model = cls(config, labels, embedder, words, characters, lower_case, initialise=False)
        try:
            model.tagger.load_state_dict(weights)
        except RuntimeError as error:
            raise UserError(f"{directory / WEIGHTS_FILE}: not the weights of this run's head ({error})") from None
        return model
