"""Synthetic tasks of the xLSTM paper (Beck et al. 2024, section 4.1): formal languages and associative recall."""
