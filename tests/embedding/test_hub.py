from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard

from elmo_xlstm.embedding import ElmoEmbedder
from elmo_xlstm.errors import UserError

ROOT = Path(__file__).parents[2]
SENTENCES = [["Siti", "tiba", "di", "Surabaya"], ["Budi"]]


class TestSavePretrained:
    def test_comes_back(self, embedder: ElmoEmbedder, tmp_path: Path) -> None:
        embedder.save_pretrained(tmp_path / "saved")
        loaded = ElmoEmbedder.from_pretrained(tmp_path / "saved", device="cpu")
        assert loaded.fingerprint == embedder.fingerprint
        for one, other in zip(loaded(SENTENCES), embedder(SENTENCES), strict=True):
            assert np.array_equal(one, other)

    def test_has_a_card(self, embedder: ElmoEmbedder, tmp_path: Path) -> None:
        embedder.save_pretrained(tmp_path, license="apache-2.0", language="id")
        card = ModelCard.load(tmp_path / "README.md")
        assert card.data.license == "apache-2.0" and card.data.language == "id"
        assert card.data.library_name == "elmo-xlstm"
        assert f"{embedder.model.num_parameters():,}" in card.text and embedder.fingerprint in card.text

    def test_damage_is_noticed_but_the_card_may_be_edited(self, embedder: ElmoEmbedder, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("another's\n")
        embedder.save_pretrained(tmp_path)
        for name in ("README.md", "notes.txt"):
            (tmp_path / name).write_text("changed\n")
        ElmoEmbedder.from_pretrained(tmp_path, device="cpu")
        path = tmp_path / "tokenizer.json"
        path.write_text(path.read_text().replace("Siti", "Siri"))
        with pytest.raises(UserError, match="damaged"):
            ElmoEmbedder.from_pretrained(tmp_path, device="cpu")


CLIENT = """
import sys
import numpy as np, torch
from elmo_xlstm import BiXLSTM, ElmoEmbedder
from elmo_xlstm.errors import UserError

directory, sentences = sys.argv[1], [["Siti", "tiba", "di", "Surabaya"], ["Budi"]]
embedder = ElmoEmbedder.from_pretrained(directory, device="cpu")
first = embedder.push_to_hub("someone/model", token="hf_x", license="apache-2.0")
with torch.no_grad():
    embedder.model.token_embedding.weight.mul_(2)
second = embedder.push_to_hub("someone/model", revision="doubled", token="hf_x")
assert first != second
original = ElmoEmbedder.from_pretrained(directory, device="cpu")
expectations = {None: original, "main": original, first: original, "doubled": embedder, second: embedder}
for revision, expected in expectations.items():
    found = ElmoEmbedder.from_pretrained("someone/model", device="cpu", revision=revision)
    assert found.fingerprint == expected.fingerprint, revision
    assert all(map(np.array_equal, found(sentences), expected(sentences)))
doubled = BiXLSTM.from_pretrained("someone/model", revision="doubled")
assert torch.equal(doubled.token_embedding.weight, embedder.model.token_embedding.weight)

import elmo_xlstm.hugging_face
from transformers import AutoConfig, AutoModel, AutoTokenizer

model = AutoModel.from_pretrained("someone/model", revision="doubled")
assert torch.equal(model.token_embedding.weight, doubled.token_embedding.weight)
assert AutoConfig.from_pretrained("someone/model").architecture == doubled.config
tokenizer = AutoTokenizer.from_pretrained("someone/model", revision="doubled")
ids = tokenizer(" ".join(sentences[0]))["input_ids"]
assert ids == embedder.pieces(sentences[0]).input_ids
model.push_to_hub("someone/other", token="hf_x")
tokenizer.push_to_hub("someone/other", token="hf_x")
assert ElmoEmbedder.from_pretrained("someone/other", device="cpu").fingerprint == embedder.fingerprint

for name, revision in (("someone/model", "missing"), ("someone/missing", None)):
    try:
        ElmoEmbedder.from_pretrained(name, revision=revision)
    except UserError as error:
        assert name in str(error)
    else:
        raise AssertionError(name)
"""


@pytest.mark.slow
def test_a_hub_takes_an_embedder_and_gives_each_revision_back(hub_server, model_directory: Path, tmp_path) -> None:
    address, hub = hub_server
    settings = {
        "HF_ENDPOINT": address,
        "HF_HOME": str(tmp_path),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, str(model_directory)],
        cwd=ROOT,
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    files = hub.commits[hub.branches["someone/model"]["main"]]
    assert {"README.md", "checksums.json", "config.json", "model.safetensors", "tokenizer.json"} <= files.keys()
    assert b'from_pretrained("someone/model")' in files["README.md"]
