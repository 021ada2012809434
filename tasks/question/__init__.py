"""Question answering as tagging: the task (:mod:`~tasks.question.task`) and its head."""
