"""A user's own files and Hugging Face data sets, by configuration alone; importing them registers them."""

from elmo_xlstm.tasks.data.user_data import answered, labelled, tagged

__all__ = ["answered", "labelled", "tagged"]
