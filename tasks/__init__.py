"""Tasks: their data, the kinds of task, baselines, suites of experiments, and fine-tuning and predicting."""
