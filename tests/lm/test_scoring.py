from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from elmo_xlstm.errors import UserError
from elmo_xlstm.lm import BiXLSTM, BiXLSTMConfig
from elmo_xlstm.lm.model_files import save_model
from elmo_xlstm.lm.scoring import score_files, score_texts
from elmo_xlstm.text.tokenizer import Tokenizer

TEXTS = ["saya pergi ke pasar hari ini", "ibu pulang.", "guru dan dokter datang dari kota besok malam"]


@pytest.fixture
def model(tokenizer: Tokenizer) -> BiXLSTM:
    torch.manual_seed(0)
    config = BiXLSTMConfig(
        vocab_size=tokenizer.vocab_size,
        embedding_dim=8,
        num_blocks=1,
        num_heads=2,
        context_length=6,
        pad_token_id=tokenizer.pad_id,
    )
    return BiXLSTM(config).eval()


def test_is_the_mean_surprise_at_each_piece(model: BiXLSTM, tokenizer: Tokenizer) -> None:
    found = score_texts(model, tokenizer, [TEXTS[0], "", *TEXTS[1:]])
    pieces = [piece for ids in tokenizer.encode_texts(TEXTS) for piece in (tokenizer.bos_id, *ids, tokenizer.eos_id)]
    assert len(pieces) % 6 > 1  # the last window is shorter and counts, too
    nats, predictions = [0.0, 0.0], 0
    with torch.no_grad():
        for start in range(0, len(pieces), 6):
            window = pieces[start : start + 6]
            forward, backward = model.encode(torch.tensor([window]))
            for position in range(1, len(window)):
                scores = forward[0, position - 1] @ model.softmax_weights()[0].T
                nats[0] -= float(scores.log_softmax(-1)[window[position]])
                scores = backward[0, position] @ model.softmax_weights()[1].T
                nats[1] -= float(scores.log_softmax(-1)[window[position - 1]])
            predictions += len(window) - 1
    characters = sum(map(len, TEXTS))
    for direction, total in zip(("forward", "backward"), nats, strict=True):
        mean = total / predictions
        assert getattr(found, f"{direction}_perplexity") == pytest.approx(math.exp(mean), rel=1e-4)
        bits = mean / math.log(2) * len(pieces) / characters
        assert getattr(found, f"{direction}_bits_per_character") == pytest.approx(bits, rel=1e-4)


def test_files_are_scored_each_by_itself(model: BiXLSTM, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_model(model, tokenizer, tmp_path / "model")
    paths = []
    for number, texts in enumerate((TEXTS[:2], TEXTS[2:])):
        paths.append(tmp_path / f"{number}.txt")
        paths[-1].write_text("\n\n".join(f"<p>{text}</p>" for text in texts))
    scores = score_files(tmp_path, paths)
    assert list(scores) == [str(path) for path in paths]
    assert list(scores.values()) == [score_texts(model, tokenizer, texts) for texts in (TEXTS[:2], TEXTS[2:])]


def test_every_second_document_is_scored(model: BiXLSTM, tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_model(model, tokenizer, tmp_path / "model")
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(TEXTS))
    assert score_files(tmp_path, [path], every=2) == {str(path): score_texts(model, tokenizer, TEXTS[::2])}


def test_what_is_unknown_is_reported_and_marked(
    model: BiXLSTM, tokenizer: Tokenizer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known = score_texts(model, tokenizer, TEXTS)
    assert (known.unknown_pieces, known.unknown_characters, known.comparable) == (0, 0, True)
    thai = "ภาษาไทยอ่านยาก" * 20
    save_model(model, tokenizer, tmp_path / "model")
    (tmp_path / "thai.txt").write_text(f"{thai}\n{thai}\n")
    (tmp_path / "mixed.txt").write_text(f"{' '.join(TEXTS)} ไทย")
    (tmp_path / "known.txt").write_text("\n".join(TEXTS))
    strange, mixed, same = score_files(tmp_path, [tmp_path / f"{n}.txt" for n in ("thai", "mixed", "known")]).values()
    assert (strange.unknown_pieces, strange.unknown_characters) == (1, 1) and not strange.comparable
    pieces = len(tokenizer.encode_texts([" ".join(TEXTS)])[0])
    assert mixed.unknown_pieces == pytest.approx(1 / (pieces + 1))
    assert mixed.unknown_characters == pytest.approx(3 / len(f"{' '.join(TEXTS)} ไทย")) and not mixed.comparable
    assert same == known
    warned = "".join(record.getMessage() for record in caplog.records)
    assert "thai.txt" in warned and "mixed.txt" in warned and "known.txt" not in warned
    assert strange.as_dict()["unknown_characters"] == 1


def test_nothing_to_score_is_a_clear_message(model: BiXLSTM, tokenizer: Tokenizer) -> None:
    with pytest.raises(UserError, match="no text to score"):
        score_texts(model, tokenizer, ["", ""])
    with pytest.raises(TypeError):
        score_texts(model, tokenizer, TEXTS[0])
