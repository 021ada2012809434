from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.backbones.mlstm import cell
from elmo_xlstm.lm.losses import AdaptiveSoftmax, FullSoftmax

SOFTMAXES = ["separate", "shared", "tied"]


def make_model(seed: int = 0, **values: Any) -> BiXLSTM:
    torch.manual_seed(seed)
    sizes = {"vocab_size": 30, "embedding_dim": 16, "num_blocks": 2, "num_heads": 2, "context_length": 8}
    return BiXLSTM(BiXLSTMConfig(**{**sizes, "dropout": 0.1, **values})).eval()


@torch.no_grad()
def perturb(model: nn.Module) -> nn.Module:
    """Move every weight off its initial value, as training does."""
    generator = torch.Generator().manual_seed(1)
    for parameter in model.parameters():
        parameter.add_(torch.randn(parameter.shape, generator=generator) * 0.2)
    return model


@pytest.fixture(scope="module")
def model() -> BiXLSTM:
    return perturb(make_model())


def pieces(*shape: int, seed: int = 0) -> Tensor:
    return torch.randint(1, 30, shape, generator=torch.Generator().manual_seed(seed))


def pad(rows: list[Tensor], longest: int) -> tuple[Tensor, Tensor]:
    """Right-padded ids and mask, (rows, longest); padding is of a random piece, because it must not matter."""
    ids, mask = pieces(len(rows), longest, seed=9), torch.zeros(len(rows), longest, dtype=torch.long)
    for index, row in enumerate(rows):
        ids[index, : len(row)], mask[index, : len(row)] = row, 1
    return ids, mask


def states(model: BiXLSTM) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


class TestEncoding:
    def test_shapes(self, model: BiXLSTM) -> None:
        forward, backward = model.encode(pieces(3, 7))
        assert forward.shape == backward.shape == (3, 7, 16)
        encoding = model.encode(pieces(3, 7), output_hidden_states=True)
        assert [tuple(layer.shape) for layer in encoding.layers()] == [(3, 7, 32)] * 3
        assert torch.equal(encoding.forward[-1], forward) and torch.equal(encoding.backward[-1], backward)

    def test_layers_are_the_doubled_embedding_and_both_directions(self, model: BiXLSTM) -> None:
        ids = pieces(2, 5)
        encoding = model.encode_layers(ids)
        layers, embedded = encoding.layers(), model.token_embedding(ids)
        assert torch.equal(layers[0], torch.cat([embedded, embedded], dim=-1))
        assert torch.equal(layers[1], torch.cat([encoding.forward[0], encoding.backward[0]], dim=-1))

    @settings(max_examples=15, deadline=None, derandomize=True)
    @given(st.lists(st.integers(1, 14), min_size=1, max_size=4), st.integers(0, 6), st.integers(0, 10**6))
    def test_no_vector_depends_on_padding_or_on_batch_mates(
        self, model: BiXLSTM, lengths: list[int], more: int, seed: int
    ) -> None:
        rows = [pieces(length, seed=seed + index) for index, length in enumerate(lengths)]
        ids, mask = pad(rows, max(lengths) + more)
        together = model.encode(ids, mask, output_hidden_states=True).layers()
        for index, row in enumerate(rows):
            alone = model.encode(row.unsqueeze(0), output_hidden_states=True).layers()
            for mine, theirs in zip(together, alone, strict=True):
                assert torch.allclose(mine[index, : len(row)], theirs[0], atol=1e-5)

    def test_no_vector_depends_on_what_was_encoded_before(self, model: BiXLSTM) -> None:
        first = model.encode(pieces(2, 6))
        model.encode(pieces(3, 9, seed=1))
        assert all(torch.equal(a, b) for a, b in zip(first, model.encode(pieces(2, 6)), strict=True))

    @pytest.mark.parametrize("dtype", [torch.bool, torch.long, torch.float32])
    def test_masks_of_any_type(self, model: BiXLSTM, dtype: torch.dtype) -> None:
        ids, mask = pad([pieces(5), pieces(3)], 5)
        for mine, theirs in zip(model.encode(ids, mask.to(dtype)), model.encode(ids, mask), strict=True):
            assert torch.equal(mine, theirs)

    def test_the_backward_direction_is_its_stack_on_the_reversed_sequence(self, model: BiXLSTM) -> None:
        rows = [pieces(7), pieces(4, seed=1)]
        encoding = model.encode_layers(*pad(rows, 7))
        for index, row in enumerate(rows):
            outputs = model.backward_stack(model.token_embedding(row.flip(0).unsqueeze(0)))
            for mine, theirs in zip(encoding.backward, outputs, strict=True):
                assert torch.allclose(mine[index, : len(row)], theirs[0].flip(0), atol=1e-5)

    def test_the_same_weights_make_the_directions_mirror_images(self) -> None:
        model = perturb(make_model())
        model.backward_stack.load_state_dict(model.forward_stack.state_dict())
        ids = pieces(1, 9)
        forward, _ = model.encode(ids)
        _, backward = model.encode(ids.flip(1))
        assert torch.allclose(forward, backward.flip(1), atol=1e-6)

    @pytest.mark.parametrize("parallel", [512, 4])
    def test_forward_reads_nothing_later_and_backward_nothing_earlier(
        self, model: BiXLSTM, parallel: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(cell, "PARALLEL_LENGTH", parallel)
        monkeypatch.setattr(cell, "CHUNK_LENGTH", 3)
        ids = pieces(1, 9)
        forward, backward = model.encode(ids)
        for t in range(9):
            changed = ids.clone()
            changed[0, t] = changed[0, t] % 29 + 1
            new_forward, new_backward = model.encode(changed)
            moved_forward = (new_forward - forward)[0].abs().amax(dim=-1) > 1e-5
            moved_backward = (new_backward - backward)[0].abs().amax(dim=-1) > 1e-5
            assert moved_forward.tolist() == [position >= t for position in range(9)]
            assert moved_backward.tolist() == [position <= t for position in range(9)]

    def test_any_length_beyond_the_context_is_read(self, model: BiXLSTM, monkeypatch: pytest.MonkeyPatch) -> None:
        ids = pieces(1, 100)  # a context is 8 long
        whole = model.encode(ids)
        monkeypatch.setattr(cell, "PARALLEL_LENGTH", 8)
        monkeypatch.setattr(cell, "CHUNK_LENGTH", 8)
        for mine, theirs in zip(model.encode(ids), whole, strict=True):
            assert torch.isfinite(mine).all() and torch.allclose(mine, theirs, atol=1e-4)

    @pytest.mark.parametrize("mask", [[[0, 1, 1]], [[1, 0, 1]], [[1, 1, 1], [0, 0, 1]]])
    def test_padding_before_a_piece_is_refused(self, model: BiXLSTM, mask: list[list[int]]) -> None:
        with pytest.raises(ValueError, match="right-padded"):
            model.encode(pieces(len(mask), 3), torch.tensor(mask))

    def test_dropout_acts_in_training_alone(self, model: BiXLSTM) -> None:
        trained = perturb(make_model()).train()
        first, second = trained.encode(pieces(1, 6)), trained.encode(pieces(1, 6))
        assert not torch.equal(first[0], second[0]) and not torch.equal(first[1], second[1])


class TestLoss:
    @pytest.mark.parametrize("softmax", SOFTMAXES)
    def test_is_the_cross_entropy_of_the_next_and_the_previous_piece(self, softmax: str) -> None:
        model = perturb(make_model(softmax=softmax))
        rows = [pieces(7), pieces(2, seed=1), pieces(5, seed=2), pieces(1, seed=3)]
        output = model(*pad(rows, 9))
        names = {"separate": ["forward_softmax", "backward_softmax"], "shared": ["forward_softmax"] * 2}
        weights = [dict(model.named_parameters())[n] for n in names.get(softmax, ["token_embedding.weight"] * 2)]
        forward_nats, backward_nats = [], []
        for row in rows:
            forward, backward = (hidden[0] for hidden in model.encode(row.unsqueeze(0)))
            for t in range(len(row) - 1):
                forward_nats.append(F.cross_entropy(weights[0] @ forward[t], row[t + 1]))
                backward_nats.append(F.cross_entropy(weights[1] @ backward[t + 1], row[t]))
        assert len(forward_nats) == 6 + 1 + 4
        assert output.forward_loss.item() == pytest.approx(torch.stack(forward_nats).mean().item(), rel=1e-5)
        assert output.backward_loss.item() == pytest.approx(torch.stack(backward_nats).mean().item(), rel=1e-5)
        assert output.loss.item() == pytest.approx((output.forward_loss + output.backward_loss).item() / 2, rel=1e-6)

    def test_padding_is_never_a_target(self, model: BiXLSTM) -> None:
        rows = [pieces(6), pieces(3, seed=1)]
        padded = model(*pad(rows, 12))
        for name in ("loss", "forward_loss", "backward_loss"):
            alone = [getattr(model(row.unsqueeze(0)), name) for row in rows]
            weighted = (5 * alone[0] + 2 * alone[1]) / 7
            assert getattr(padded, name).item() == pytest.approx(weighted.item(), rel=1e-5)

    def test_padding_gets_no_gradient(self) -> None:
        model = perturb(make_model())
        ids, mask = pad([pieces(4).clamp(max=20), pieces(2, seed=1).clamp(max=20)], 6)
        ids[mask == 0] = 29
        model(ids, mask).loss.backward()
        gradient = model.token_embedding.weight.grad
        assert gradient is not None and gradient[29].abs().max() == 0 and gradient[ids[0, 0]].abs().max() > 0

    def test_another_soft_max_loss_may_be_given(self, model: BiXLSTM) -> None:
        calls = []

        def counted(hidden: Tensor, weight: Tensor, targets: Tensor) -> Tensor:
            calls.append((tuple(hidden.shape), tuple(weight.shape), targets.tolist()))
            return FullSoftmax()(hidden, weight, targets)

        ids = pieces(1, 5)
        output = model(ids, softmax_loss=counted)
        assert output.loss.item() == model(ids).loss.item()
        assert calls == [((4, 16), (30, 16), ids[0, 1:].tolist()), ((4, 16), (30, 16), ids[0, :-1].flip(0).tolist())]


class TestAdaptiveSoftmax:
    def make(self, softmax: str = "separate") -> BiXLSTM:
        model = perturb(make_model(softmax=softmax, softmax_clusters=[4, 11]))
        model.order_vocabulary(np.random.default_rng(0).permutation(30))
        return model

    @pytest.mark.parametrize("softmax", SOFTMAXES)
    def test_both_directions_have_the_adaptive_loss_with_their_own_rows(self, softmax: str) -> None:
        model, ids = self.make(softmax), pieces(3, 6)
        output, hidden = model(ids), model.encode(ids)
        targets = ids[:, 1:], ids[:, :-1]
        clusters = model.softmax_cluster_weights()
        assert clusters is not None and (clusters[0] is clusters[1]) == (softmax != "separate")
        adaptive = AdaptiveSoftmax([4, 11], model.softmax_order)
        states = hidden[0][:, :-1].flatten(0, 1), hidden[1][:, 1:].flatten(0, 1)
        for index, found in enumerate((output.forward_loss, output.backward_loss)):
            weight = model.softmax_weights()[index]
            expected = adaptive(states[index], weight, clusters[index], targets[index].flatten()) / 15
            assert found.item() == pytest.approx(expected.item(), rel=1e-6)
        output.loss.backward()
        assert all(parameter.grad is not None for parameter in model.parameters())

    def test_the_vocabulary_is_ranked_by_its_counts(self) -> None:
        model = make_model(softmax_clusters=[4, 11])
        assert torch.equal(model.softmax_order, torch.arange(30))
        model.order_vocabulary(np.arange(30))
        assert torch.equal(model.softmax_order, torch.arange(30).flip(0))
        flat = make_model()
        flat.order_vocabulary(np.arange(30))
        assert "softmax_order" not in states(flat)

    def test_another_loss_is_refused(self) -> None:
        with pytest.raises(ValueError, match="an adaptive soft-max has a loss of its own"):
            self.make()(pieces(1, 5), softmax_loss=FullSoftmax())

    def test_other_weights_start_as_they_do_without_it(self) -> None:
        plain, adaptive = states(make_model()), states(make_model(softmax_clusters=[4, 11]))
        added = {"forward_softmax_clusters", "backward_softmax_clusters", "softmax_order"}
        assert adaptive.keys() - plain.keys() == added
        assert all(torch.equal(adaptive[name], value) for name, value in plain.items())
        assert 0.05 < adaptive["backward_softmax_clusters"].std() < 0.3

    @pytest.mark.parametrize("softmax", SOFTMAXES)
    def test_rows_and_order_come_back_bit_for_bit(self, softmax: str, tmp_path: Path) -> None:
        model = self.make(softmax)
        model.save_pretrained(tmp_path)
        loaded = BiXLSTM.from_pretrained(tmp_path)
        assert loaded.config.softmax_clusters == [4, 11]
        assert states(loaded).keys() == states(model).keys()
        assert all(torch.equal(value, states(model)[name]) for name, value in states(loaded).items())
        assert loaded(pieces(2, 9)).loss.item() == model(pieces(2, 9)).loss.item()

    def test_the_order_stays_whole_numbers_in_another_precision(self, tmp_path: Path) -> None:
        model = self.make()
        model.save_pretrained(tmp_path)
        loaded = BiXLSTM.from_pretrained(tmp_path, dtype=torch.bfloat16)
        assert loaded.forward_softmax_clusters.dtype == torch.bfloat16
        assert torch.equal(loaded.softmax_order, model.softmax_order)
        assert loaded(pieces(2, 9)).loss.item() == pytest.approx(model(pieces(2, 9)).loss.item(), rel=0.05)

    @pytest.mark.parametrize("name", ["softmax_order", "backward_softmax_clusters"])
    def test_files_without_its_parts_are_refused(self, name: str, tmp_path: Path) -> None:
        self.make().save_pretrained(tmp_path)
        weights = load_file(tmp_path / "model.safetensors")
        del weights[name]
        save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
        with pytest.raises(UserError, match=f"missing keys: {name}"):
            BiXLSTM.from_pretrained(tmp_path)


class TestInitialWeights:
    def check(self, model: BiXLSTM, num_heads: int) -> None:
        for stack in (model.forward_stack, model.backward_stack):
            for block in stack.blocks:
                cell = block.xlstm.mlstm_cell
                assert torch.allclose(cell.fgate.bias, torch.linspace(3, 6, num_heads))
                assert cell.fgate.weight.abs().max() == 0 and cell.igate.weight.abs().max() == 0
                assert 0 < cell.igate.bias.abs().max() < 1
                assert torch.equal(block.xlstm.learnable_skip, torch.ones(64))
                for norm in (block.xlstm_norm, cell.outnorm):
                    assert norm.weight.abs().max() == 0  # stored as the scale minus one
            assert stack.post_blocks_norm.weight.abs().max() == 0

    @pytest.mark.parametrize("num_heads", [2, 4])
    def test_gates_and_norms_after_construction_and_after_reloading(self, num_heads: int, tmp_path: Path) -> None:
        model = make_model(num_heads=num_heads)
        self.check(model, num_heads)
        model.save_pretrained(tmp_path)
        self.check(BiXLSTM.from_pretrained(tmp_path), num_heads)

    def test_matrices_have_the_right_spread(self) -> None:
        model = make_model(vocab_size=200, embedding_dim=64, num_blocks=2)
        small = (2 / (5 * 64)) ** 0.5
        layer = model.backward_stack.blocks[1].xlstm
        spreads = {
            model.token_embedding.weight: small,
            model.forward_softmax: small,
            model.backward_softmax: small,
            layer.proj_up.weight: small,
            layer.q_proj.weight: small,
            layer.proj_down.weight: 2 / 2 / 64**0.5,
        }
        for weight, spread in spreads.items():
            assert weight.std().item() == pytest.approx(spread, rel=0.15)
        assert model.forward_softmax.std() > 0 and not torch.equal(model.forward_softmax, model.backward_softmax)

    def test_a_seed_gives_the_same_model(self) -> None:
        first, again, other = states(make_model(3)), states(make_model(3)), states(make_model(4))
        assert all(torch.equal(again[name], value) for name, value in first.items())
        assert not torch.equal(other["forward_softmax"], first["forward_softmax"])


class TestFiles:
    @pytest.mark.parametrize("softmax", SOFTMAXES)
    def test_a_model_comes_back_bit_for_bit(
        self, softmax: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        model = perturb(make_model(softmax=softmax))
        with caplog.at_level(logging.WARNING):
            model.save_pretrained(tmp_path)
            loaded = BiXLSTM.from_pretrained(tmp_path)
        assert not caplog.records and not capfd.readouterr().out
        assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
        assert not loaded.training and loaded.config.softmax == softmax
        stored = states(model)
        assert {name: value.dtype for name, value in states(loaded).items()} == {n: v.dtype for n, v in stored.items()}
        assert all(torch.equal(value, stored[name]) for name, value in states(loaded).items())
        ids, mask = pad([pieces(9), pieces(4, seed=1)], 11)
        for mine, theirs in zip(loaded.encode(ids, mask), model.encode(ids, mask), strict=True):
            assert torch.equal(mine, theirs)
        assert loaded(ids, mask).loss.item() == model(ids, mask).loss.item()

    @pytest.mark.parametrize(("softmax", "matrices"), [("separate", 3), ("shared", 2), ("tied", 1)])
    def test_output_weights_are_as_many_as_the_setting_says(self, softmax: str, matrices: int) -> None:
        model = make_model(softmax=softmax)
        assert sum(parameter.shape == (30, 16) for parameter in model.parameters()) == matrices
        forward, backward = model.softmax_weights()
        assert (forward is backward) == (softmax != "separate")
        assert (forward is model.token_embedding.weight) == (softmax == "tied")

    @pytest.mark.parametrize("change", ["missing", "unexpected", "mismatched"])
    def test_weights_of_another_architecture_are_refused(self, change: str, tmp_path: Path) -> None:
        make_model().save_pretrained(tmp_path)
        file = tmp_path / "model.safetensors"
        weights = load_file(file)
        name = "forward_stack.blocks.1.xlstm.mlstm_cell.fgate.bias"
        if change == "missing":
            del weights[name]
        elif change == "unexpected":
            weights[name := "forward_stack.blocks.1.xlstm.mlstm_cell.ogate.bias"] = torch.zeros(2)
        else:
            weights[name] = torch.zeros(3)
        save_file(weights, file, {"format": "pt"})
        with pytest.raises(UserError) as caught:
            BiXLSTM.from_pretrained(tmp_path)
        assert str(tmp_path) in str(caught.value) and f"{change} keys: " in str(caught.value)
        assert name in str(caught.value)

    def test_a_config_with_more_blocks_than_the_weights_is_refused(self, tmp_path: Path) -> None:
        make_model().save_pretrained(tmp_path)
        path = tmp_path / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"num_blocks": 3}))
        with pytest.raises(UserError, match=r"missing keys: .* and \d+ more"):
            BiXLSTM.from_pretrained(tmp_path)

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_weights_that_are_no_numbers_are_refused(self, value: float, tmp_path: Path) -> None:
        make_model().save_pretrained(tmp_path)
        weights = load_file(tmp_path / "model.safetensors")
        weights["forward_stack.blocks.1.xlstm.learnable_skip"][3] = value
        save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})
        with pytest.raises(UserError, match="forward_stack.blocks.1.xlstm.learnable_skip"):
            BiXLSTM.from_pretrained(tmp_path)

    def test_another_precision_may_be_loaded(self, tmp_path: Path) -> None:
        model = perturb(make_model())
        model.save_pretrained(tmp_path)
        loaded = BiXLSTM.from_pretrained(tmp_path, dtype=torch.bfloat16)
        forward, _ = loaded.encode(pieces(2, 20))
        assert forward.dtype == torch.bfloat16
        expected, _ = model.encode(pieces(2, 20))
        assert ((forward.float() - expected).norm() / expected.norm()).item() < 0.1
