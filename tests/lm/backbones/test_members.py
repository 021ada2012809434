"""What every backbone promises, whatever is inside."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from elmo_xlstm.config import validate
from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.embedding.export import export_model
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.backbones import Backbone
from elmo_xlstm.lm.compilation import checkpoint_activations
from elmo_xlstm.lm.model_files import save_model
from elmo_xlstm.lm.pretraining import run_pretraining
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.scoring import score_files
from elmo_xlstm.runs.run_directory import open_run
from elmo_xlstm.text import Tokenizer

MEMBERS: dict[str, dict[str, Any]] = {
    "mlstm": {"type": "mlstm"},
    "lstm": {"type": "lstm"},
    "elmo": {"type": "lstm", "cell_dim": 80, "residual": True},
    "transformer": {"type": "transformer"},
    "xlstm": {"type": "xlstm", "slstm_at": [1]},
    "slstm": {"type": "xlstm", "slstm_at": "all", "num_heads": 2, "slstm_conv1d_kernel_size": 0},
}
# Of the mLSTM torch counts the zeros of joined blocks; see tests/benchmarks/test_flops.py.
COUNTED = ["lstm", "elmo", "transformer", "slstm"]
DIM = 16
member = pytest.mark.parametrize("backbone", [*MEMBERS.values()], ids=[*MEMBERS])


def make_model(backbone: dict[str, Any], **sizes: Any) -> BiXLSTM:
    """Weights away from their initial values, where gates are closed and norms flat."""
    sizes = {"vocab_size": 20, "embedding_dim": DIM, "num_blocks": 2, "dropout": 0.0, "context_length": 24, **sizes}
    torch.manual_seed(0)
    model = BiXLSTM(BiXLSTMConfig(backbone=backbone, **sizes))
    for parameter in model.parameters():
        parameter.data.add_(torch.randn_like(parameter), alpha=0.2)
    return model


def make_stack(backbone: dict[str, Any], **sizes: Any) -> Backbone:
    return make_model(backbone, **sizes).forward_stack


@member
def test_hidden_states_are_of_each_block_and_keep_the_shape(backbone: dict[str, Any]) -> None:
    stack = make_stack(backbone, num_blocks=3)
    for length in (1, 2, 9):
        inputs = torch.randn(2, length, DIM)
        assert [hidden.shape for hidden in stack(inputs)] == [inputs.shape] * 3 == [inputs.shape] * len(stack.blocks)


@member
def test_a_position_has_read_what_is_before_it_and_nothing_after(backbone: dict[str, Any]) -> None:
    stack, inputs = make_stack(backbone), torch.randn(1, 9, DIM)
    before = stack(inputs)
    for position in range(9):
        changed = inputs.clone()
        changed[:, position] += torch.randn(DIM)
        for layer, whole in zip(stack(changed), before, strict=True):
            torch.testing.assert_close(layer[:, :position], whole[:, :position])
            assert (layer[:, position:] - whole[:, position:]).abs().amax(dim=-1).min() > 1e-6


@member
def test_company_and_padding_change_nothing(backbone: dict[str, Any]) -> None:
    model = make_model(backbone).eval()
    ids = torch.randint(1, 20, (1, 7))
    alone = model.encode_layers(ids)
    batch = torch.zeros(3, 12, dtype=torch.long)
    batch[0, :7], batch[1:] = ids, torch.randint(1, 20, (2, 12))
    mask = torch.ones_like(batch)
    mask[0, 7:] = 0
    for mine, theirs in zip(model.encode_layers(batch, mask).layers(), alone.layers(), strict=True):
        torch.testing.assert_close(mine[:1, :7], theirs, rtol=1e-4, atol=1e-5)


@member
@settings(max_examples=8, deadline=None, derandomize=True)
@given(pieces=st.lists(st.integers(1, 6), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_steps_of_any_length_equal_one_pass(backbone: dict[str, Any], pieces: list[int], seed: int) -> None:
    stack = make_stack(backbone)
    inputs = torch.randn(2, sum(pieces), DIM, generator=torch.Generator().manual_seed(seed))
    state, parts = None, []
    with torch.no_grad():
        for piece in inputs.split(pieces, dim=1):
            hidden, state = stack.step(piece, state)
            parts.append(hidden)
        for layer, whole in zip(zip(*parts, strict=True), stack(inputs), strict=True):
            torch.testing.assert_close(torch.cat(layer, dim=1), whole, rtol=1e-4, atol=1e-5)


@member
def test_all_weights_learn_and_recomputing_activations_changes_nothing(backbone: dict[str, Any]) -> None:
    model, ids = make_model(backbone, dropout=0.2).train(), torch.randint(1, 20, (3, 24))
    again = copy.deepcopy(model)
    checkpoint_activations(again)
    gradients = [gradients_of(one, ids) for one in (model, again)]
    for name, gradient in gradients[0].items():
        assert torch.isfinite(gradient).all() and gradient.abs().max() > 0, name
        torch.testing.assert_close(gradients[1][name], gradient)


def gradients_of(model: BiXLSTM, ids: Tensor) -> dict[str, Tensor]:
    torch.manual_seed(1)  # of dropout
    loss = model(ids).loss
    assert loss is not None
    loss.backward()
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {name: gradient for name, gradient in found.items() if gradient is not None and "bias_hh" not in name}


@member
def test_dropout_is_in_training_alone(backbone: dict[str, Any]) -> None:
    stack, inputs = make_stack(backbone, dropout=0.5), torch.randn(2, 9, DIM)
    assert torch.equal(stack.eval()(inputs)[0], stack(inputs)[0])
    assert not torch.equal(stack.train()(inputs)[0], stack(inputs)[0])


@member
def test_a_saved_model_computes_the_same(backbone: dict[str, Any], tmp_path: Path, tokenizer: Tokenizer) -> None:
    model = make_model(backbone, vocab_size=tokenizer.vocab_size).eval()
    save_model(model, tokenizer, tmp_path)
    loaded, ids = BiXLSTM.from_pretrained(tmp_path), torch.randint(1, 20, (2, 7))
    assert loaded.config.backbone == model.config.backbone
    for mine, theirs in zip(loaded.encode_layers(ids).layers(), model.encode_layers(ids).layers(), strict=True):
        assert torch.equal(mine, theirs)


@member
def test_bf16_is_near_fp32(backbone: dict[str, Any]) -> None:
    model, ids = make_model(backbone), torch.randint(1, 20, (2, 24))
    if "bf16" not in model.config.backbone.precisions:
        pytest.skip("it is refused")
    exact = model(ids).loss
    with torch.autocast("cpu", torch.bfloat16):
        rounded = model(ids).loss
    rounded.backward()
    assert abs(rounded - exact) < 0.03 * exact
    assert all(torch.isfinite(parameter.grad).all() for parameter in model.parameters() if parameter.grad is not None)


@pytest.mark.parametrize("backbone", [MEMBERS[name] for name in COUNTED], ids=COUNTED)
def test_the_formula_of_costs_is_what_torch_counts(backbone: dict[str, Any]) -> None:
    model = make_model(backbone, embedding_dim=64, context_length=128)
    stack, config = model.forward_stack, model.config
    inputs = torch.randn(2, 128, 64, requires_grad=True)
    torch.backends.mkldnn.set_flags(_enabled=False)  # its LSTM is one operation, of which torch knows no parts
    try:
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH):
            stack(inputs)[-1].sum().backward()
    finally:
        torch.backends.mkldnn.set_flags(_enabled=True)
    found = counter.get_total_flops() / inputs.shape[:2].numel()
    # The first token has no state before it to be differentiated.
    assert config.backbone.training_flops(config) == pytest.approx(found, rel=0.02)


@pytest.mark.slow
@member
def test_a_run_from_text_to_vectors_and_scores(
    backbone: dict[str, Any], vocabulary_file: Path, text_file: Path, tmp_path: Path
) -> None:
    values = {
        "tokenizer": {"name": str(vocabulary_file), "lower_case": True},
        "corpus": {
            "sources": [{"type": "local", "paths": [str(text_file)], "documents": "line"}],
            "cleaning": {"min_characters": 10},
            "validation_fraction": 0.1,
            "workers": 1,
        },
        "corpus_directory": str(tmp_path / "corpus"),
        "model": {"embedding_dim": 16, "num_blocks": 2, "dropout": 0.0, "context_length": 16, "backbone": backbone},
        "optimizer": {"learning_rate": 0.01},
        "schedule": {"warmup_steps": 2},
        "training": {"max_steps": 24, "batch_size": 8, "validate_every": 8, "precision": "fp32", "compile": False},
        "output": str(tmp_path / "run"),
    }
    settings, run = validate(PretrainSettings, values), tmp_path / "run"
    with open_run(run, settings):
        best = run_pretraining(settings, run)
    logged = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    losses = [line["loss"] for line in logged if line["kind"] == "validation"]
    assert len(losses) == 3 and best.loss == losses[2] < losses[0]

    sentences = [["saya", "pergi", "ke", "pasar"], ["ibu", "pulang"]]
    exported = export_model(run, tmp_path / "exported", sentences, storage="fp32", texts=[text_file])
    assert exported.difference.largest == 0
    assert exported.scores["text"].loss == pytest.approx(score_files(run, [text_file])[str(text_file)].loss)
    embedder = ElmoEmbedder.from_pretrained(tmp_path / "exported")
    model = BiXLSTM.from_pretrained(run / "model")
    ids = torch.tensor([embedder.pieces(sentences[0]).input_ids])
    (vectors, _), layers = embedder(sentences), model.encode_layers(ids).layers()
    assert vectors.shape == (4, 3, 32)
    for layer, expected in enumerate(layers):  # each of these words is one piece, behind [CLS]
        torch.testing.assert_close(torch.from_numpy(vectors[:, layer]), expected[0, 1:5], rtol=1e-4, atol=1e-5)
