from __future__ import annotations

import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.sharding import Shard


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_parts_hold_every_row_once(count) -> None:
    parts = [list(Shard.parse(f"{number}/{count}").of(iter(range(13)))) for number in range(1, count + 1)]
    assert sorted(sum(parts, [])) == list(range(13))
    assert all(part == sorted(part) for part in parts)
    assert max(map(len, parts)) - min(map(len, parts)) <= 1


@pytest.mark.parametrize("option", ["0/2", "3/2", "1", "1/0", "a/2", "-1/2", "1/2/3", ""])
def test_no_such_part(option) -> None:
    with pytest.raises(UserError, match="expected I/N"):
        Shard.parse(option)
