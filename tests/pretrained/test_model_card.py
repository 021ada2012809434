"""What MODEL_CARD.md says of the bundled model is so."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from elmo_xlstm import BiXLSTM
from elmo_xlstm.lm.provenance import read_provenance
from elmo_xlstm.pretrained import bundled_model

ROOT = Path(__file__).parents[2]
CARD = (ROOT / "MODEL_CARD.md").read_text(encoding="utf-8")


def test_its_python_runs() -> None:
    (block,) = re.findall(r"^```python\n(.*?)^```$", CARD, flags=re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    words, layers, width = map(int, re.search(r"\((\d+) words, (\d+) layers, (\d+)\)", block).groups())  # type: ignore[union-attr]
    assert names["vectors"].shape == (words, layers, width)


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", CARD):
        assert (ROOT / target).exists(), target
    headings = re.findall(r"^#+ (.+)$", CARD, flags=re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
    for anchor in re.findall(r"\]\(#([^)]+)\)", CARD):
        assert anchor in anchors


def test_sizes() -> None:
    model, provenance = BiXLSTM.from_pretrained(bundled_model()), read_provenance(bundled_model())
    assert provenance is not None
    assert f"**Parameters:** {model.num_parameters():,} for embedding" in CARD
    assert f"({model.token_embedding.weight.numel():,} of them the token embedding)" in CARD
    size = (bundled_model() / "model.safetensors").stat().st_size
    assert f"**On disk:** {size / 1e6:.1f} MB" in CARD
    assert provenance["weights"]["storage"] == "int8" and "matrices in int8" in CARD


def test_training_text() -> None:
    provenance = read_provenance(bundled_model())
    assert provenance is not None
    corpus = provenance["corpus"]
    train, held_out = corpus["train"], corpus["validation"]
    assert f"{train['tokens']:,} pieces ({train['characters']:,} characters)" in CARD
    assert f"{held_out['tokens']:,} pieces held out" in " ".join(CARD.split())
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([\d.]+) % \|$", CARD, flags=re.MULTILINE)
    assert sorted(name for name, _ in rows) == sorted(source["label"] for source in corpus["sources"])
    assert abs(sum(float(share) for _, share in rows) - 100) < 1
    listed = (ROOT / "docs" / "pretraining.md").read_text(encoding="utf-8")
    for name, share in rows:
        assert re.search(rf"^\| `{name}` \|.*\({re.escape(share)} %\)", listed, flags=re.MULTILINE), name
