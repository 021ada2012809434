"""Backbones: the stacks that read a text in one direction; see :mod:`elmo_xlstm.lm.backbones.interface` to add one."""

from elmo_xlstm.lm.backbones.interface import Backbone, BackboneSettings, Kernel, backbones

__all__ = ["Backbone", "BackboneSettings", "Kernel", "backbones"]
