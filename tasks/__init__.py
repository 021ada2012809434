"""Tasks: their data, the kinds of task, baselines, suites of experiments, and fine-tuning and predicting."""

if __name__ == "tasks":  # a second copy in a checkout, whose registries nothing reads
    raise ImportError("import elmo_xlstm.tasks instead of tasks")
