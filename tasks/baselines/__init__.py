"""Classical baselines as heads: most frequent labels, and linear models on counted features.

They are trained at once, read no language model, and are the same for every seed.
"""

from elmo_xlstm.tasks.baselines.baseline import MajorityLabels, MajorityTags
from elmo_xlstm.tasks.baselines.linear import TfidfLabels
from elmo_xlstm.tasks.baselines.linear_window import LinearWindow

__all__ = ["LinearWindow", "MajorityLabels", "MajorityTags", "TfidfLabels"]
