"""Errors that are the user's to mend: shown as one clear message, never as a traceback."""

from __future__ import annotations

import re

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class UserError(Exception):
    """One message that says what is wrong, where, what was expected and what to do."""


def printable(text: str) -> str:
    r"""Spell out the control characters of a text, so that what comes from data cannot command a terminal.

    Tabs and line ends stay; others become visible escapes such as ``\x1b``.
    """
    return _CONTROLS.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
