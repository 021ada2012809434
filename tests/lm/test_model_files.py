from __future__ import annotations

from pathlib import Path

import pytest
import torch

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.model_files import encoder_weights, find_model, make_encoder, save_model
from elmo_xlstm.text.tokenizer import Tokenizer


@pytest.fixture
def model(tokenizer: Tokenizer) -> BiXLSTM:
    return BiXLSTM(BiXLSTMConfig(vocab_size=tokenizer.vocab_size, embedding_dim=8, num_blocks=1, num_heads=2))


def test_model_and_tokenizer_come_back(model: BiXLSTM, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_model(model, tokenizer, tmp_path / "model")
    loaded = BiXLSTM.from_pretrained(find_model(tmp_path / "model"))
    assert torch.equal(loaded.forward_softmax, model.forward_softmax)
    assert Tokenizer.load(tmp_path / "model").fingerprint == tokenizer.fingerprint


def test_a_run_is_found_by_its_own_directory(model: BiXLSTM, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_model(model, tokenizer, tmp_path / "run" / "model")
    assert find_model(tmp_path / "run") == find_model(str(tmp_path / "run" / "model")) == tmp_path / "run" / "model"


@pytest.mark.parametrize("name", [".", "none", "runs/none", "./a/b", "a/b/c", "name"])
def test_what_can_only_be_a_path_is_not_asked_of_the_hub(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*args: object, **kwargs: object) -> str:
        raise AssertionError("asked the hub")

    monkeypatch.setattr("huggingface_hub.snapshot_download", unreachable)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no pretrained model there"):
        find_model(name)


def test_a_hub_that_does_not_answer_is_one_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*args: object, **kwargs: object) -> str:
        raise ConnectionError("no route")

    monkeypatch.setattr("huggingface_hub.snapshot_download", offline)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"someone/model: .*the Hugging Face hub does not give it \(ConnectionError\)"):
        find_model("someone/model")


def test_a_hub_name_is_fetched_without_pickles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def snapshot(name: str, allow_patterns: list[str]) -> str:
        asked.append((name, sorted(allow_patterns)))
        return str(tmp_path)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    monkeypatch.chdir(tmp_path)
    assert find_model("someone/model") == tmp_path
    assert asked == [("someone/model", ["*.json", "*.safetensors"])]


@pytest.mark.parametrize("softmax", ["separate", "shared", "tied", "none"])
def test_encodes_alike_and_predicts_nothing(softmax: str) -> None:
    model = BiXLSTM(
        BiXLSTMConfig(vocab_size=20, embedding_dim=16, num_blocks=1, num_heads=2, dropout=0.2, softmax=softmax)
    ).eval()
    encoder = make_encoder(model, encoder_weights(model), dropout=0.0)
    assert encoder.config.softmax == "none" and encoder.config.dropout == 0 and model.config.dropout == 0.2
    assert encoder.state_dict().keys() == encoder_weights(model).keys()
    input_ids = torch.tensor([[3, 4, 5, 6], [7, 8, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    encoder.train()  # no dropout is left
    for one, other in zip(
        model.encode_layers(input_ids, mask).layers(), encoder.encode_layers(input_ids, mask).layers(), strict=True
    ):
        assert torch.equal(one, other)
