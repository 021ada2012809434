from __future__ import annotations

import pytest
import torch

from elmo_xlstm.errors import UserError
from elmo_xlstm.tasks.check import report


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch) -> None:
    for variable in ("ELMO_XLSTM_INDONLU", "ELMO_XLSTM_ABSA_E2E"):
        monkeypatch.delenv(variable, raising=False)


def test_facts() -> None:
    facts = report()
    assert set(facts) == {"versions", "device", "tiers", "optional parts", "data"}
    assert facts["versions"]["torch"] == torch.__version__
    assert "cores" in facts["device"]["cpu"]
    assert (facts["device"]["gpu"] == "none") == (not torch.cuda.is_available())
    assert all("installed" in value for value in facts["optional parts"].values())


def test_tiers_are_named_with_what_they_lack(monkeypatch) -> None:
    monkeypatch.setattr("elmo_xlstm.tasks.check.default_device", lambda: torch.device("cpu"))
    monkeypatch.setattr("elmo_xlstm.tasks.check.compiler_problem", lambda device: None)
    monkeypatch.setattr("elmo_xlstm.tasks.check.library_problem", lambda: None)
    monkeypatch.setattr("elmo_xlstm.tasks.check.onednn_problem", lambda: None)
    monkeypatch.setenv("CXX", "some-compiler")
    tiers = report()["tiers"]
    assert set(tiers) == {"plain torch", "compiled kernels", "float32 products", "torch.compile", "triton kernels"}
    assert tiers["plain torch"].startswith("usable")
    assert tiers["compiled kernels"].startswith("usable")
    assert tiers["float32 products"] == "left to oneDNN"
    assert tiers["torch.compile"].startswith("usable with some-compiler")
    assert tiers["triton kernels"].startswith("not usable: ")
    monkeypatch.setattr("elmo_xlstm.tasks.check.compiler_problem", lambda device: "no C++ compiler (g++)")
    monkeypatch.setattr("elmo_xlstm.tasks.check.library_problem", lambda: "no C++ compiler (g++)")
    monkeypatch.setattr("elmo_xlstm.tasks.check.onednn_problem", lambda: "this is no such processor")
    assert report()["tiers"]["torch.compile"] == "not usable: no C++ compiler (g++)"
    assert report()["tiers"]["compiled kernels"] == "not usable: no C++ compiler (g++)"
    assert report()["tiers"]["float32 products"] == "left to torch's default: this is no such processor"
    assert "NXAI Community License" in report()["optional parts"]["mlstm_kernels"]


def test_where_data_is_looked_for(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("ELMO_XLSTM_CACHE", str(tmp_path / "cache"))
    data = report()["data"]
    assert data["$ELMO_XLSTM_INDONLU"] == "not set"
    assert data["IndoNLU is read from"].startswith(str(tmp_path / "cache"))
    assert "fetched on first use" in data["IndoNLU is read from"]
    monkeypatch.setenv("ELMO_XLSTM_INDONLU", str(tmp_path))
    monkeypatch.setenv("ELMO_XLSTM_ABSA_E2E", str(tmp_path / "absa"))
    data = report()["data"]
    assert data["$ELMO_XLSTM_INDONLU"] == data["IndoNLU is read from"] == str(tmp_path)
    assert data["the end-to-end ABSA set is read from"] == str(tmp_path / "absa")


def test_model(model_directory, tiny_tokenizer) -> None:
    assert report(model_directory)["model"] == {
        "directory": str(model_directory),
        "blocks per direction": "2",
        "width": "16",
        "pieces": str(tiny_tokenizer.vocab_size),
        "lower_case": "False",
    }


def test_no_model(tmp_path) -> None:
    with pytest.raises(UserError, match="no pretrained model there"):
        report(tmp_path)
