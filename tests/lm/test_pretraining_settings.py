from __future__ import annotations

from typing import Any

import pytest

from elmo_xlstm.config import ConfigError, validate
from elmo_xlstm.lm.losses import FullSoftmax
from elmo_xlstm.lm.pretraining_settings import ModelSettings, PretrainSettings
from elmo_xlstm.text.tokenizer import Tokenizer


def make(**values: Any) -> dict[str, Any]:
    return {
        "tokenizer": {"name": "vocab.txt", "lower_case": False},
        "corpus": {"sources": [{"type": "local", "paths": ["a.txt"]}]},
        "training": {"epochs": 1},
        **values,
    }


def test_what_is_not_set_has_the_defaults() -> None:
    settings = validate(PretrainSettings, make())
    assert settings.softmax_loss == FullSoftmax.Config() and settings.model.embedding_dim == 768


def test_problems_of_all_parts_at_once() -> None:
    values = make(
        tokenizer={"name": "vocab.txt"},
        corpus={"sources": [{"type": "locl"}]},
        model={"num_heads": 5, "embedding_dim": 32},
        softmax_loss={"type": "sampled", "sample": 3},
        training={"batch_size": 8},
        schedule={"decay": "cosin"},
    )
    with pytest.raises(ConfigError) as caught:
        validate(PretrainSettings, values)
    assert caught.value.problems == [
        "tokenizer.lower_case: is required but missing",
        "corpus.sources[0]: unknown type 'locl'; did you mean 'local'?",
        "model: num_heads=5 does not divide the cell's width 64; choose one that does",
        "softmax_loss.sample: unknown key; did you mean 'samples'?",
        "schedule.decay: input should be 'constant', 'linear' or 'cosine' (got 'cosin')",
        "training: needs epochs or max_steps",
    ]


def test_blocks_of_projections_must_divide_the_width() -> None:
    with pytest.raises(ConfigError, match="model: qkv_proj_blocksize=24 does not divide the cell's width 64"):
        validate(PretrainSettings, make(model={"embedding_dim": 32, "qkv_proj_blocksize": 24}))


def test_averages_are_not_for_sharded_weights() -> None:
    training = {"epochs": 1, "ema_decay": 0.999}
    assert validate(PretrainSettings, make(training=training)).training.ema_decay == 0.999
    with pytest.raises(ConfigError, match='training: ema_decay averages whole weights; it needs sharding: "none"'):
        validate(PretrainSettings, make(training={**training, "sharding": "full"}))
    for decay in (0, 1):
        with pytest.raises(ConfigError, match="training.ema_decay"):
            validate(PretrainSettings, make(training={**training, "ema_decay": decay}))


def test_the_architecture_has_the_settings_and_the_tokenizer_s_vocabulary(tokenizer: Tokenizer) -> None:
    settings = ModelSettings(embedding_dim=32, num_blocks=3, num_heads=8, proj_factor=1.5, softmax="tied", dropout=0.2)
    config = settings.build(tokenizer)
    assert (config.vocab_size, config.pad_token_id) == (tokenizer.vocab_size, tokenizer.pad_id)
    assert {name: getattr(config, name) for name in settings.model_dump()} == settings.model_dump()
    assert config.softmax_clusters is None


def test_an_adaptive_soft_max_is_part_of_the_architecture(tokenizer: Tokenizer) -> None:
    settings = validate(PretrainSettings, make(softmax_loss={"type": "adaptive", "clusters": [5, 20]}))
    assert settings.architecture(tokenizer).softmax_clusters == [5, 20]
    default = validate(PretrainSettings, make(softmax_loss={"type": "adaptive"})).architecture(tokenizer)
    size = tokenizer.vocab_size
    assert default.softmax_clusters == [size // 8, size // 4, size // 2]
    for loss in ("full", "sampled"):
        settings = validate(PretrainSettings, make(softmax_loss={"type": loss}))
        assert settings.architecture(tokenizer).softmax_clusters is None
