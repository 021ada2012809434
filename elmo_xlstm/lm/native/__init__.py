"""Fused kernels for an mLSTM layer on a CPU, in C++, compiled where a compiler is at hand and never needed."""

from elmo_xlstm.lm.native.dropout import dropped_residual
from elmo_xlstm.lm.native.layer import fused_mlstm, layer_problem, takes
from elmo_xlstm.lm.native.library import library_problem

__all__ = ["dropped_residual", "fused_mlstm", "layer_problem", "library_problem", "takes"]
