"""The language model as a part of a head: its layers are computed within the step and trained with it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from elmo_xlstm.config import Settings
from elmo_xlstm.device import fast_matmul
from elmo_xlstm.embedding.pieces import PieceBatch, Pooling
from elmo_xlstm.lm.model import BiXLSTM
from elmo_xlstm.lm.model_files import encoder_weights, make_encoder


class TunedLayers(nn.Module):
    """Layers of words from a language model that learns (Howard & Ruder 2018, "Universal Language Model Fine-tuning").

    Args:
        model: where training begins. It is copied, without its soft-max, and stays as it is.
        pooling: which pieces stand for a word.
        config: settings.

    Attributes:
        learning_rate: of the language model's parameters.
    """

    class Config(Settings):
        """Settings of :class:`TunedLayers`."""

        learning_rate: Annotated[float, Field(gt=0)] = 1e-3
        """Of the language model; the rest has ``trainer.learning_rate``. Pretrained weights want smaller steps than new
        ones (discriminative fine-tuning; Howard & Ruder 2018, section 3.2). The schedule applies to both."""
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1
        """Of the output of each of its blocks, in training only; pretraining's own dropout is not used."""

    def __init__(self, model: BiXLSTM, pooling: Pooling, config: Config) -> None:
        super().__init__()
        weights = {name: tensor.clone() for name, tensor in encoder_weights(model).items()}
        self.model = make_encoder(model, weights, dropout=config.dropout).requires_grad_(True)
        device = model.device
        self.model.use_kernel("torch" if model.config.kernel_problem("native", device) else "native", device)
        self.pooling: Pooling = pooling
        self.learning_rate = config.learning_rate

    def forward(self, pieces: PieceBatch) -> Tensor:
        """Layers of all words of a batch, sentence after sentence: (words, layers, directions * width)."""
        with fast_matmul(pieces.input_ids.device):
            return pieces.words(self.model.encode_layers(pieces.input_ids, pieces.mask), self.pooling)
