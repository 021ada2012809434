"""What is solved: the readers and the tasks, and the IndoNLU benchmark."""
