"""Models as encoders: from piece ids to the layers of both directions."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from benchmarks.lstm_models import LSTMLanguageModel
from benchmarks.session import Session
from elmo_xlstm.device import fast_matmul
from elmo_xlstm.embedding.embedder import TOKEN_BUDGET
from elmo_xlstm.embedding.frozen_model import FrozenModel
from elmo_xlstm.embedding.precision import Precision
from elmo_xlstm.lm import BiXLSTM


@torch.inference_mode()
def encode(model: BiXLSTM | LSTMLanguageModel, input_ids: Tensor) -> object:
    """Both directions: all layers of an xLSTM, the last one of an LSTM."""
    return model.encode_layers(input_ids) if isinstance(model, BiXLSTM) else model.encode(input_ids)


def encode_as_embedder(
    session: Session, model: BiXLSTM, precision: Precision, input_ids: Tensor
) -> Callable[[], object]:
    """All layers as our embedder computes them: on a CPU with folded weights, in parts of its token budget."""
    if session.device.type != "cpu":
        run = partial(encode, model, input_ids)
        return run if precision == "fp32" else partial(under_autocast, session, run)
    frozen = FrozenModel(model, precision)
    parts = input_ids.split(max(1, TOKEN_BUDGET // input_ids.shape[1]))
    run_parts = torch.inference_mode()(lambda: [frozen.encode_layers(part, torch.ones_like(part)) for part in parts])
    return fast_matmul()(run_parts)


def under_autocast(session: Session, run: Callable[[], object]) -> object:
    """What a run gives in bf16."""
    with session.autocast("bf16"):
        return run()
