"""Trained models by name, with torch or without."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

if TYPE_CHECKING:
    from elmo_xlstm.runtime.onnx_embedder import OnnxEmbedder
    from elmo_xlstm.tasks.loading import Annotator
    from elmo_xlstm.tasks.onnx_predictor import OnnxPredictor


@overload
def load(name_or_path: str | Path, runtime: Literal["torch"] = "torch") -> Annotator[Any]: ...


@overload
def load(name_or_path: str | Path, runtime: Literal["onnx"]) -> OnnxPredictor | OnnxEmbedder: ...


def load(name_or_path: str | Path, runtime: Literal["torch", "onnx"] = "torch") -> Any:
    """A trained model, ready to predict.

    Args:
        name_or_path: see :func:`elmo_xlstm.tasks.loading.load`; with ``onnx`` a directory that ``export --onnx`` wrote.
        runtime: what computes. With ``onnx`` nothing is imported but onnxruntime, tokenizers and NumPy.

    Raises:
        UserError: there is no such model, it is damaged, or onnxruntime is missing.
        ValueError: there is no such runtime.
    """
    if runtime == "torch":
        from elmo_xlstm.tasks import loading

        return loading.load(name_or_path)
    if runtime != "onnx":
        raise ValueError(f"runtime is torch or onnx, not {runtime!r}")
    from elmo_xlstm.runtime.onnx_embedder import OnnxEmbedder
    from elmo_xlstm.runtime.onnx_model import OnnxModel
    from elmo_xlstm.tasks.onnx_predictor import OnnxPredictor

    model = OnnxModel(name_or_path)
    return OnnxEmbedder(model) if model.settings["kind"] == "embedder" else OnnxPredictor(model)
