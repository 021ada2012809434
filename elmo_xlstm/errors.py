"""Errors that are the user's to mend: shown as one clear message, never as a traceback."""


class UserError(Exception):
    """What is wrong, where, what was expected and what to do, in one message."""
