"""Problems of a configuration, all in one message."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from elmo_xlstm.errors import UserError

SHOWN = 50
LONGEST = 4000
KEPT_END = 200  # what to do is said last


class ConfigError(UserError):
    """All problems of one configuration; the message has the first fifty, each with 4,000 characters at most.

    Attributes:
        problems: one line each: ``path: message``.
    """

    def __init__(self, origin: str, problems: Sequence[str]) -> None:
        self.problems = [
            p if len(p) <= LONGEST else f"{p[: LONGEST - KEPT_END]} ... (cut) ... {p[-KEPT_END:]}" for p in problems
        ]
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        lines = [f"{origin}: {count}", *(f"  {problem}" for problem in self.problems[:SHOWN])]
        if len(self.problems) > SHOWN:
            lines.append(f"  ... and {len(self.problems) - SHOWN} more")
        super().__init__("\n".join(lines))


def suggestion(wrong: str, known: Sequence[str]) -> str:
    """Say the nearest known name, or all of them."""
    near = difflib.get_close_matches(wrong, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean '{near[0]}'?"
    return f"known here: {', '.join(sorted(known))}" if known else "nothing can be set here"
