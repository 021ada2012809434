from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer, pipeline

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.embedding.pieces import sentence_pieces
from elmo_xlstm.errors import UserError
from elmo_xlstm.hugging_face import BiXLSTMModel, BiXLSTMModelConfig, BiXLSTMTokenizer
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.pretrained import bundled_model
from elmo_xlstm.text import Tokenizer

TEXTS = ["Siti tiba di Surabaya pada pagi hari", "Budi tiba"]


@pytest.fixture(scope="module")
def tokenizer(model_directory: Path) -> BiXLSTMTokenizer:
    return AutoTokenizer.from_pretrained(model_directory)


@pytest.fixture
def model(model_directory: Path) -> BiXLSTMModel:
    return AutoModel.from_pretrained(model_directory)


class TestModel:
    def test_auto_classes_read_what_the_plain_module_reads(
        self, model: BiXLSTMModel, model_directory: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        plain = BiXLSTM.from_pretrained(model_directory)
        assert isinstance(model, BiXLSTMModel) and not model.training and not capfd.readouterr().out
        config = AutoConfig.from_pretrained(model_directory)
        assert isinstance(config, BiXLSTMModelConfig) and config.architecture == plain.config
        assert config.hidden_size == 32 and config.num_hidden_layers == 2
        assert model.state_dict().keys() == plain.state_dict().keys()
        assert all(torch.equal(model.state_dict()[name], weight) for name, weight in plain.state_dict().items())

    def test_gives_elmos_layers_and_no_loss_unless_asked(
        self, model: BiXLSTMModel, tokenizer: BiXLSTMTokenizer
    ) -> None:
        batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
        output = model(**batch)
        assert list(output) == ["last_hidden_state"]
        layers = model.bixlstm.encode_layers(batch["input_ids"], batch["attention_mask"]).layers()
        assert torch.equal(output.last_hidden_state, layers[-1])
        everything = model(**batch, output_hidden_states=True)
        assert all(torch.equal(one, other) for one, other in zip(everything.hidden_states, layers, strict=True))
        assert isinstance(model(**batch, return_dict=False), tuple)

    def test_losses_with_labels_are_the_plain_modules(self, model: BiXLSTMModel, tokenizer: BiXLSTMTokenizer) -> None:
        batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
        ids, mask = batch["input_ids"], batch["attention_mask"]
        expected = model.bixlstm(ids, mask)
        for labels in (ids, ids.masked_fill(mask == 0, -100)):
            output = model(**batch, labels=labels)
            for name in ("loss", "forward_loss", "backward_loss"):
                torch.testing.assert_close(getattr(output, name), getattr(expected, name))
        some = torch.full_like(ids, -100)
        some[0, 2] = ids[0, 2]
        encoding = model.bixlstm.encode_layers(ids, mask)
        output = model(**batch, labels=some)
        for direction, hidden, found in (
            (0, encoding.forward[-1][0, 1], output.forward_loss),
            (1, encoding.backward[-1][0, 3], output.backward_loss),
        ):
            scores = model.bixlstm.softmax_weights()[direction] @ hidden
            torch.testing.assert_close(found, -scores.log_softmax(0)[ids[0, 2]])

    def test_learns(self, model: BiXLSTMModel, tokenizer: BiXLSTMTokenizer) -> None:
        batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
        optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
        losses = []
        for _ in range(3):
            loss = model(**batch, labels=batch["input_ids"]).loss
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        assert losses[2] < losses[1] < losses[0]

    def test_comes_back_and_is_read_by_the_plain_module(self, model: BiXLSTMModel, tmp_path: Path) -> None:
        with torch.no_grad():
            model.forward_softmax.add_(1.0)
        model.save_pretrained(tmp_path)
        assert json.loads((tmp_path / "config.json").read_text())["model_type"] == "bixlstm"
        for loaded in (AutoModel.from_pretrained(tmp_path), BiXLSTM.from_pretrained(tmp_path)):
            assert all(torch.equal(loaded.state_dict()[name], weight) for name, weight in model.state_dict().items())

    def test_wraps_the_weights_of_a_plain_one(self, model_directory: Path) -> None:
        plain = BiXLSTM.from_pretrained(model_directory)
        wrapped = BiXLSTMModel.wrap(plain)
        assert wrapped.bixlstm.token_embedding is plain.token_embedding and not wrapped.training

    def test_a_copy_and_another_precision_have_weights_of_their_own(self, model: BiXLSTMModel) -> None:
        ids = torch.tensor([[5, 6, 7]])
        before = model(ids).last_hidden_state
        other = copy.deepcopy(model).to(torch.float64)
        assert other(ids).last_hidden_state.dtype == torch.float64 and model.dtype == torch.float32
        with torch.no_grad():
            other.token_embedding.weight.zero_()
        assert torch.equal(model(ids).last_hidden_state, before)

    def test_a_new_one_has_the_initial_weights_of_a_plain_one(self) -> None:
        sizes = {"vocab_size": 20, "embedding_dim": 16, "num_blocks": 1, "num_heads": 2}
        torch.manual_seed(3)
        plain = BiXLSTM(BiXLSTMConfig(**sizes))
        torch.manual_seed(3)
        model = AutoModel.from_config(BiXLSTMModelConfig(**sizes))
        assert all(torch.equal(model.state_dict()[name], weight) for name, weight in plain.state_dict().items())

    def test_loads_in_another_precision_and_reports(self, model_directory: Path) -> None:
        loaded, report = BiXLSTMModel.from_pretrained(model_directory, dtype=torch.bfloat16, output_loading_info=True)
        assert loaded.dtype == torch.bfloat16 and not report["missing_keys"]

    def test_weights_of_another_architecture_are_refused(self, model: BiXLSTMModel, tmp_path: Path) -> None:
        model.save_pretrained(tmp_path)
        path = tmp_path / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"num_blocks": 3}))
        with pytest.raises(UserError, match="missing keys"):
            AutoModel.from_pretrained(tmp_path)

    def test_sizes_that_cannot_be_are_refused(self) -> None:
        with pytest.raises(ValueError, match="does not divide"):
            BiXLSTMModelConfig(embedding_dim=32, num_heads=5)


class TestTokenizer:
    def test_pieces_are_those_of_the_words(self, tokenizer: BiXLSTMTokenizer, tiny_tokenizer: Tokenizer) -> None:
        for text in (*TEXTS, "Siti [SEP] tiba-tiba, 12%"):
            [expected] = sentence_pieces([text.split()], tiny_tokenizer)
            assert tokenizer(text)["input_ids"] == expected.input_ids
            assert tokenizer([text.split()], is_split_into_words=True)["input_ids"] == [expected.input_ids]
            assert tokenizer(text, add_special_tokens=False)["input_ids"] == expected.input_ids[1:-1]

    def test_pads_to_the_right(self, tokenizer: BiXLSTMTokenizer, tiny_tokenizer: Tokenizer) -> None:
        batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
        assert list(batch) == ["input_ids", "attention_mask"]
        assert batch["attention_mask"].tolist()[1] == [1, 1, 1, 1, 0, 0, 0, 0, 0]
        assert set(batch["input_ids"][1, 4:].tolist()) == {tiny_tokenizer.pad_id}

    def test_comes_back(self, tokenizer: BiXLSTMTokenizer, model: BiXLSTMModel, tmp_path: Path) -> None:
        model.save_pretrained(tmp_path)
        tokenizer.save_pretrained(tmp_path)
        assert AutoTokenizer.from_pretrained(tmp_path)(TEXTS)["input_ids"] == tokenizer(TEXTS)["input_ids"]
        assert Tokenizer.load(tmp_path).fingerprint == tokenizer.own.fingerprint
        ElmoEmbedder.from_pretrained(tmp_path, device="cpu")


class TestBundledModel:
    def test_is_found_by_its_name(self) -> None:
        assert BiXLSTM.from_pretrained("small").config == BiXLSTM.from_pretrained(bundled_model()).config
        assert BiXLSTMTokenizer.from_pretrained("small")("Rumah besar")["input_ids"]

    def test_features_are_the_embedders(self) -> None:
        extract = pipeline("feature-extraction", model=str(bundled_model()), device="cpu")
        words = ["Presiden", "tiba", "di", "Surabaya", "\u201chari", "ini\u201d"]
        [found] = torch.tensor(extract(" ".join(words)))
        embedder = ElmoEmbedder.from_pretrained(device="cpu")
        pieces = embedder.pieces(words)
        [vectors] = embedder([words])
        half = embedder.dim // 2
        # By default the forward direction is that of a word's last piece, the backward one that of its first.
        expected = torch.cat([found[pieces.last, :half], found[pieces.first, half:]], dim=-1)
        torch.testing.assert_close(torch.from_numpy(vectors[:, -1]), expected, atol=1e-4, rtol=1e-4)

    def test_has_no_loss(self) -> None:
        model = BiXLSTMModel.from_pretrained("small")
        with pytest.raises(UserError, match="without its soft-max"):
            model(torch.tensor([[5, 6]]), labels=torch.tensor([[5, 6]]))
