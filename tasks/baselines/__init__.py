"""Classical baselines as heads: most frequent labels, and linear models on counted features.

They are trained at once, read no language model, and are the same for every seed.
"""

from elmo_xlstm.tasks.baselines.linear_window import LinearWindowAnswers, LinearWindowTags
from elmo_xlstm.tasks.baselines.majority import MajorityLabels, MajorityTags
from elmo_xlstm.tasks.baselines.tfidf import TfidfLabels

__all__ = ["LinearWindowAnswers", "LinearWindowTags", "MajorityLabels", "MajorityTags", "TfidfLabels"]
