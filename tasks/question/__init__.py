"""Question answering as tagging."""

from tasks.question.task import QuestionTask

__all__ = ["QuestionTask"]
