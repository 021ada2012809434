"""Pretraining recipes compared at small scale: a series of runs, their result files and the table made of these."""
