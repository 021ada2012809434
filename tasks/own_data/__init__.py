"""Data sets of one's own: files and Hugging Face data sets that are a task by configuration alone."""
