from __future__ import annotations

import logging

from elmo_xlstm.terminal import PrintableFormatter


def test_log_lines_cannot_command_the_terminal() -> None:
    record = logging.LogRecord("x", logging.INFO, "x.py", 1, "labels: %s", ("B-\x1b[2J\x9b1m\ttab\nline",), None)
    assert PrintableFormatter("%(message)s").format(record) == "labels: B-\\x1b[2J\\x9b1m\ttab\nline"
