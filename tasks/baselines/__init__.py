"""Classical baselines as heads: most frequent labels, and linear models on counted features.

They are trained at once, read no language model, and are the same for every seed.
"""

from tasks.baselines.linear_window import LinearWindowAnswers, LinearWindowTags
from tasks.baselines.majority import MajorityLabels, MajorityTags
from tasks.baselines.tfidf import TfidfLabels

__all__ = ["LinearWindowAnswers", "LinearWindowTags", "MajorityLabels", "MajorityTags", "TfidfLabels"]
