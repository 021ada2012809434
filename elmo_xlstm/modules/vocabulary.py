"""Words or characters and their ids."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from elmo_xlstm.errors import UserError
from elmo_xlstm.runs.atomic import write_atomically
from elmo_xlstm.runs.files import LARGEST_LIST, read_file


class Vocabulary:
    """Maps tokens to ids: 0 is padding, 1 is any unknown token, the tokens follow from 2.

    Padding and unknown are no tokens: text that happens to hold ``<unk>`` is an ordinary token.

    Args:
        tokens: distinct tokens in order of their ids; lower-cased if ``lower_case``.
        lower_case: whether tokens are looked up lower-cased.

    Raises:
        ValueError: a token is repeated, or is not lower-case though ``lower_case``.
    """

    PAD = 0
    UNKNOWN = 1

    def __init__(self, tokens: Sequence[str], lower_case: bool = False) -> None:
        self.tokens = tuple(tokens)
        self.lower_case = lower_case
        self._ids = {token: index for index, token in enumerate(self.tokens, start=2)}
        if len(self._ids) != len(self.tokens):
            raise ValueError("a vocabulary's tokens must be distinct")
        if lower_case and any(token != token.lower() for token in self.tokens):
            raise ValueError("a lower-casing vocabulary has lower-case tokens only")

    @classmethod
    def count(
        cls, tokens: Iterable[str], min_count: int = 1, lower_case: bool = False, more: Iterable[str] = ()
    ) -> Vocabulary:
        """Collect the tokens of training data, the most frequent first, ties in order of code points.

        Args:
            tokens: every token of the data, repeated as often as it occurs.
            min_count: tokens seen less often are left out and so become unknown.
            lower_case: see the class.
            more: tokens added at the end, whether seen or not.
        """
        counts = Counter(token.lower() if lower_case else token for token in tokens)
        kept = sorted((token for token, count in counts.items() if count >= min_count), key=lambda t: (-counts[t], t))
        added = (token.lower() if lower_case else token for token in more)
        return cls(tuple(dict.fromkeys([*kept, *added])), lower_case)

    def __len__(self) -> int:
        """Number of ids, padding and unknown included."""
        return len(self.tokens) + 2

    def __contains__(self, token: str) -> bool:
        """Whether the token has an id of its own."""
        return (token.lower() if self.lower_case else token) in self._ids

    def __eq__(self, other: object) -> bool:
        """Same tokens with the same ids and casing."""
        return isinstance(other, Vocabulary) and (self.tokens, self.lower_case) == (other.tokens, other.lower_case)

    __hash__ = None  # type: ignore[assignment]

    def encode(self, tokens: Iterable[str]) -> list[int]:
        """Ids of tokens; 1 for those that are unknown."""
        if self.lower_case:
            return [self._ids.get(token.lower(), self.UNKNOWN) for token in tokens]
        return [self._ids.get(token, self.UNKNOWN) for token in tokens]

    def save(self, path: Path) -> None:
        """Write JSON lines: first the settings, then one token a line."""
        lines = [json.dumps({"lower_case": self.lower_case, "tokens": len(self.tokens)})]
        lines += [json.dumps(token) for token in self.tokens]
        write_atomically(path, ("\n".join(lines) + "\n").encode())

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read what :meth:`save` wrote.

        Raises:
            UserError: the file is missing or is not a whole vocabulary.
        """
        try:
            lines = read_file(path, LARGEST_LIST).decode().splitlines()
        except FileNotFoundError:
            raise UserError(
                f"{path}: no such vocabulary; it is written beside the weights when a head is trained"
            ) from None
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: no vocabulary ({error}); restore the file") from None
        values = []
        for number, line in enumerate(lines, start=1):
            try:
                values.append(json.loads(line))
            except (ValueError, RecursionError):
                raise UserError(f"{path}:{number}: expected one JSON value a line; restore the file") from None
            if number > 1 and not isinstance(values[-1], str):
                raise UserError(f"{path}:{number}: expected a token as a JSON string; restore the file")
        header = values[0] if values and isinstance(values[0], dict) else {}
        if header.get("tokens") != len(values) - 1 or not isinstance(header.get("lower_case"), bool):
            raise UserError(
                f"{path}:1: expected lower_case and the number of tokens that follow ({max(len(values) - 1, 0)}), "
                f"found {lines[0] if lines else 'nothing'}; the file is cut or changed, restore it"
            )
        try:
            return cls(values[1:], header["lower_case"])
        except ValueError as error:
            raise UserError(f"{path}: {error}; restore the file") from None
