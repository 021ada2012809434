"""The language model and its tokenizer as Hugging Face's: once this is imported, the ``Auto`` classes know them.

The plain module (:class:`~elmo_xlstm.lm.model.BiXLSTM`) does the work; nothing else of the package imports this, since
transformers' modelling code takes seconds to import. Files are the same either way.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers.processors import TemplateProcessing
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoTokenizer,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)
from transformers.utils import logging as transformers_logging
from transformers.utils.generic import ModelOutput

from elmo_xlstm.lm.configuration import BiXLSTMConfig
from elmo_xlstm.lm.model import BiXLSTM, Encoding
from elmo_xlstm.lm.model_directory import (
    find_model,
    read_architecture,
    read_weights,
    require_own_weights,
    verify_files,
)
from elmo_xlstm.text import Tokenizer
from elmo_xlstm.text.characters import clean_characters

HUB_OPTIONS = ("cache_dir", "force_download", "local_files_only", "token")
NO_TARGET = -100
"""In labels; as everywhere in transformers."""


class BiXLSTMModelConfig(PretrainedConfig):
    """Configuration of a :class:`BiXLSTMModel`.

    Args:
        kwargs: any of the fields of :class:`~elmo_xlstm.lm.configuration.BiXLSTMConfig`, which become attributes; and
            what :class:`transformers.PretrainedConfig` takes.

    Raises:
        ValueError: no model can have such sizes.
    """

    model_type = BiXLSTMConfig.model_type
    attribute_map = {"num_hidden_layers": "num_blocks"}
    backbone = None  # only another one than the mLSTM becomes an attribute of an object, and so part of config.json

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("tie_word_embeddings", False)  # our own `softmax` says what is tied
        sizes = BiXLSTMConfig(**{name: kwargs.pop(name) for name in BiXLSTMConfig.model_fields if name in kwargs})
        for name, value in sizes.model_dump().items():
            setattr(self, name, value)
        kwargs["pad_token_id"] = sizes.pad_token_id  # transformers 4.57 sets it to None where it is not among these
        super().__init__(**kwargs)

    @property
    def architecture(self) -> BiXLSTMConfig:
        """The configuration of the plain module."""
        values = {name: getattr(self, name, None) for name in BiXLSTMConfig.model_fields}
        return BiXLSTMConfig(**{name: value for name, value in values.items() if value is not None})

    @property
    def hidden_size(self) -> int:
        """Width of a contextual vector, both directions concatenated."""
        return self.architecture.hidden_size


@dataclass
class BiXLSTMModelOutput(ModelOutput):
    """Layers and, with labels, losses in nats per predicted piece.

    Attributes:
        last_hidden_state: (batch, length, 2 * width), the last block's two directions.
        hidden_states: ELMo's layers, the doubled token embedding first; of the shape of the last.
        loss: mean of the two directions' losses.
        forward_loss: of predicting each piece from those before it.
        backward_loss: of predicting each piece from those after it.
    """

    last_hidden_state: Tensor | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    loss: Tensor | None = None
    forward_loss: Tensor | None = None
    backward_loss: Tensor | None = None


class BiXLSTMModel(PreTrainedModel):
    """A :class:`~elmo_xlstm.lm.model.BiXLSTM` as a Hugging Face model; its weights have the same names."""

    config_class = BiXLSTMModelConfig
    config: BiXLSTMModelConfig
    base_model_prefix = "bixlstm"
    main_input_name = "input_ids"
    _no_split_modules = ["MLSTMBlock"]

    def __init__(self, config: BiXLSTMModelConfig) -> None:
        super().__init__(config)
        self._take_parts(BiXLSTM(config.architecture))
        self.post_init()

    def _take_parts(self, plain: BiXLSTM) -> None:
        self._modules, self._parameters, self._buffers = plain._modules, plain._parameters, plain._buffers
        object.__setattr__(self, "_plain", plain)  # not a part itself: the names of all weights would begin with it

    @property
    def bixlstm(self) -> BiXLSTM:
        """The plain module over this model's own weights, wherever they are."""
        view: BiXLSTM = copy.copy(self.__dict__["_plain"])
        view._modules, view._parameters, view._buffers = self._modules, self._parameters, self._buffers
        return view

    @classmethod
    def wrap(cls, model: BiXLSTM) -> BiXLSTMModel:
        """A Hugging Face model over the weights of a plain one themselves."""
        with torch.device("meta"):
            wrapped = cls(BiXLSTMModelConfig(**model.config.model_dump()))
        wrapped._take_parts(model)
        wrapped.train(model.training)
        return wrapped

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """The plain module has drawn them; the inherited rules would overwrite gate biases and norm scales."""

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> BiXLSTMModel:
        """Load what :meth:`BiXLSTM.from_pretrained` loads, as every Hugging Face model does; in float32 by default.

        Raises:
            UserError: as there; weights are never left random.
        """
        name = pretrained_model_name_or_path
        directory = _find(name, kwargs)
        verify_files(directory)
        architecture, weights = read_architecture(directory, BiXLSTM.empty), read_weights(directory)
        config = kwargs.pop("config", None)
        if not isinstance(config, BiXLSTMModelConfig):
            config = BiXLSTMModelConfig(**architecture.model_dump())
        require_own_weights(BiXLSTM.empty(config.architecture), weights, name)
        if "torch_dtype" not in kwargs:
            kwargs.setdefault("dtype", torch.float32)
        with _without_progress_bars():
            loaded: Any = super().from_pretrained(None, *args, config=config, state_dict=weights, **kwargs)
        model = loaded[0] if isinstance(loaded, tuple) else loaded
        model.config._name_or_path = model.name_or_path = str(name)
        found: BiXLSTMModel = loaded
        return found

    def save_pretrained(self, *args: Any, **kwargs: Any) -> None:
        """Write weights and configuration, as every Hugging Face model does."""
        with _without_progress_bars():
            super().save_pretrained(*args, **kwargs)

    def get_input_embeddings(self) -> nn.Module:
        """The token embedding that both directions share."""
        return self.bixlstm.token_embedding

    def set_input_embeddings(self, value: nn.Embedding) -> None:  # type: ignore[override]
        """Replace the token embedding."""
        self._modules["token_embedding"] = value

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
    ) -> BiXLSTMModelOutput | tuple[Any, ...]:
        """Layers, and losses if there are labels.

        Args:
            input_ids: (batch, length) piece ids, right-padded.
            attention_mask: (batch, length), 1 at pieces and 0 at padding; all pieces by default.
            labels: (batch, length) pieces to predict, ``input_ids`` themselves as a rule; -100 where none is. Padding
                is never predicted.
            output_hidden_states: give all layers; else as the configuration says.
            return_dict: False for a tuple.

        Raises:
            UserError: there are labels, but the model was exported for embedding and has no soft-max.
            ValueError: padding is not to the right.
        """
        encoding = self.bixlstm.encode_layers(input_ids, attention_mask)
        layers = tuple(encoding.layers())
        if output_hidden_states is None:
            output_hidden_states = self.config.output_hidden_states
        output = BiXLSTMModelOutput(layers[-1], layers if output_hidden_states else None)
        if labels is not None:
            forward, backward = self._losses(encoding, labels, attention_mask)
            output.loss, output.forward_loss, output.backward_loss = (forward + backward) / 2, forward, backward
        return output.to_tuple() if return_dict is False else output

    def _losses(self, encoding: Encoding, labels: Tensor, attention_mask: Tensor | None) -> tuple[Tensor, Tensor]:
        pairs = torch.ones_like(labels[:, 1:]) if attention_mask is None else attention_mask[:, 1:]
        wanted = labels != NO_TARGET
        found = []
        for direction, (hidden, targets, there) in enumerate(
            (
                (encoding.forward[-1][:, :-1], labels[:, 1:], wanted[:, 1:]),
                (encoding.backward[-1][:, 1:], labels[:, :-1], wanted[:, :-1]),
            )
        ):
            chosen = there & pairs.bool()  # (batch, length - 1)
            found.append(self.bixlstm.nats(direction, hidden[chosen], targets[chosen]) / chosen.sum())
        return found[0], found[1]


class BiXLSTMTokenizer(PreTrainedTokenizerFast):
    """A model's tokenizer as Hugging Face's: what the model reads is what the embedder gives it.

    A text is put between the begin and the end of a document, and padded to the right. It is cleaned when the tokenizer
    is called; ``encode`` and ``tokenize`` take it as it is. Words that leave no piece are left out.
    """

    model_input_names = ["input_ids", "attention_mask"]
    padding_side = "right"
    own: Tokenizer

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> BiXLSTMTokenizer:
        """Load the tokenizer of a model directory, a run, a bundled model or a hub name.

        Raises:
            UserError: there is no such model, or its tokenizer is damaged.
        """
        directory = _find(pretrained_model_name_or_path, kwargs)
        own = Tokenizer.load(directory)
        special = {
            f"{role}_token": own.piece(index)
            for role, index in (("pad", own.pad_id), ("unk", own.unk_id), ("cls", own.bos_id), ("sep", own.eos_id))
        }
        loaded: BiXLSTMTokenizer = super().from_pretrained(
            str(directory), *args, **{"split_special_tokens": True, **special, **kwargs}
        )
        begin, end = special["cls_token"], special["sep_token"]
        loaded.backend_tokenizer.post_processor = TemplateProcessing(
            single=[begin, "$A", end],
            pair=[begin, "$A", end, begin, "$B:1", end],
            special_tokens=[(begin, own.bos_id), (end, own.eos_id)],
        )
        loaded.own = own
        return loaded

    def __call__(self, text: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Clean and split texts, or lists of words with ``is_split_into_words=True``; see the inherited method."""
        return super().__call__(self._clean(text), *args, **kwargs)

    def _clean(self, text: Any) -> Any:
        if self.own.fix_unicode is None or text is None:
            return text
        if isinstance(text, str):
            return clean_characters(text, self.own.fix_unicode)
        return [self._clean(part) for part in text]

    def save_pretrained(self, save_directory: Any, *args: Any, **kwargs: Any) -> Any:
        """Write the files of the tokenizer, those that the embedder reads among them if no token was added."""
        files = super().save_pretrained(save_directory, *args, **kwargs)
        if len(self) == self.own.vocab_size:
            self.own.save(save_directory)
        return files


def _find(name: Any, kwargs: dict[str, Any]) -> Path:
    """The directory of a model, by what ``from_pretrained`` was given; what concerns the hub is taken out of it."""
    options = {option: kwargs.pop(option) for option in HUB_OPTIONS if option in kwargs}
    return find_model(name, kwargs.pop("revision", None), **options)


@contextmanager
def _without_progress_bars() -> Iterator[None]:
    """Transformers shows a bar for every file, of which there is one; ours are for long work."""
    was_on = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            transformers_logging.enable_progress_bar()


AutoConfig.register(BiXLSTMModelConfig.model_type, BiXLSTMModelConfig)
AutoModel.register(BiXLSTMModelConfig, BiXLSTMModel)
AutoTokenizer.register(BiXLSTMModelConfig, fast_tokenizer_class=BiXLSTMTokenizer)
