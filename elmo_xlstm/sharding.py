"""Every N-th row of a job that several machines share."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TypeVar

from elmo_xlstm.errors import UserError

RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Shard:
    """One of ``count`` parts that together are all rows, and none twice.

    Attributes:
        number: of the part, from 1.
        count: of parts.
    """

    number: int = 1
    count: int = 1

    @classmethod
    def parse(cls, option: str) -> Shard:
        """Read ``I/N``: part I of N.

        Raises:
            UserError: it is not of that form, or there is no such part.
        """
        found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", option)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise UserError(f"--shard {option}: expected I/N with I from 1 to N, such as 1/4 to 4/4 for four machines")
        return cls(int(found[1]), int(found[2]))

    def of(self, rows: Iterable[RowT]) -> Iterator[RowT]:
        """The rows of this part, in their order."""
        return islice(rows, self.number - 1, None, self.count)
