from __future__ import annotations

import pytest

from benchmarks import session as session_module
from benchmarks.session import Session
from benchmarks.sizes import SIZES
from elmo_xlstm.errors import UserError


@pytest.mark.parametrize(
    ("has_bf16", "wanted", "found"),
    [
        (True, (), ["fp32", "bf16"]),
        (False, (), ["fp32"]),
        (True, ("bf16",), ["bf16"]),
        (True, ("bf16", "fp32"), ["fp32", "bf16"]),
        (False, ("fp32",), ["fp32"]),
    ],
)
def test_wanted_precisions_of_those_the_hardware_has(
    monkeypatch: pytest.MonkeyPatch, has_bf16: bool, wanted: tuple[str, ...], found: list[str]
) -> None:
    monkeypatch.setattr(session_module, "cpu_has_bf16", lambda: has_bf16)
    assert Session(SIZES["tiny"], wanted=wanted).precisions() == found


def test_a_precision_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session_module, "cpu_has_bf16", lambda: False)
    with pytest.raises(UserError, match="--precision bf16: this hardware has fp32"):
        Session(SIZES["tiny"], wanted=("bf16",)).precisions()
