"""Soft-max losses over a vocabulary, without ever holding all logits."""

from elmo_xlstm.lm.losses.adaptive import AdaptiveSoftmax
from elmo_xlstm.lm.losses.cross_entropy import FullSoftmax
from elmo_xlstm.lm.losses.interface import SoftmaxLoss, SoftmaxLossSettings, softmax_losses
from elmo_xlstm.lm.losses.sampled import SampledSoftmax

__all__ = ["AdaptiveSoftmax", "FullSoftmax", "SampledSoftmax", "SoftmaxLoss", "SoftmaxLossSettings", "softmax_losses"]
