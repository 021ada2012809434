"""Files that are wrong in every way we know of, and the rule that all readers keep.

A reader gives a result, or one UserError that says where and what to do. It raises nothing else, takes no time to speak
of, and memory in proportion to the file. ``FUZZ_CASES`` in the environment sets how many files each reader is given.
"""

from __future__ import annotations

import itertools
import os
import random
import re
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from elmo_xlstm.errors import UserError

CASES = int(os.environ.get("FUZZ_CASES", "2000"))
MEASURED = ("word of a megabyte", "sentence of 20,000 words", "20,000 columns", "a long word within")
"""Cases of which memory is measured, which takes time."""
CPU_SECONDS = 20.0
REMEDY = re.compile(
    r"mend|expected|convert|fetch|set |give|did you mean|restore|known here|check|make |delete|declare|write it|see |"
    r"save|name |needed|unpack|choose|use |lower|take|break|should |required|needs |must |at least|at most|leave|"
    r"no such",
    re.IGNORECASE,
)

TOKENS: list[bytes] = [
    *(b"", b" ", b"\t", b"\n", b"\r\n", b"\r", b",", b'"', b'""', b"'", b"\\", b"####", b"-DOCSTART-", b"#"),
    *("\ufeff\u200b\u200d\u202e\u2028\x85".encode(), "e\u0301".encode(), ("\u0301" * 40).encode()),
    *("👩‍👩‍👧".encode(), "🇮🇩".encode(), "مرحبا".encode(), "שלום".encode()),
    *(b"\x00", b"\x1b[2J", b"\x0c", b"\x1a", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\xfe\xff"),
    *(b"1" * 5000, b"-1", b"1e999", b"-1e-999", b"NaN", b"Infinity", b"0x" + b"f" * 4000, b"9" * 20, b"1_000", b"3.0"),
    *(b"null", b"true", b"{}", b"[]", b'{"a": ' * 40, b"[" * 1500, b"]", b"}"),
    *(b'"\\ud800"', b'"\\u0000"', b'{"a": {"a": 1, "a": 2}}'),
    *(b"(" * 300, b"[0]", b"[-1]", b"'POS'", b"'\\ud800'", b"lambda: 0", b"__import__('os')", b"b'x'", b"{1: 2}"),
    *(b"-" * 200, b"<", b">", b"</page>", b"<page>", b"<!--", b"]]>", b"<![CDATA[", b"&amp;", b"&x;", b"{{", b"}}"),
    *(b"[[", b"{|", b"<!DOCTYPE a [<!ENTITY x 'y'>]>", b"=SUM(A1)", b"<script>alert(1)</script>"),
    *(b"../../etc/passwd", b"%s%n", b"B-", b"I-X", b"B-PER", b"negatif", b"O"),
]  # fmt: skip


def billion_laughs() -> bytes:
    """Entities that stand for ten of the one before."""
    entities = ['<!ENTITY a0 "ha">'] + [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12)]
    return f"<!DOCTYPE x [{''.join(entities)}]><x><page><text>&a11;</text></page></x>".encode()


NASTY: dict[str, bytes] = {
    "empty": b"",
    "one line end": b"\n",
    "blank": b" \t \n\n\r\n \n",
    "byte order mark": b"\xef\xbb\xbf",
    "UTF-16": "kata\tO\n".encode("utf-16"),
    "Latin-1": "kaf\u00e9\tO\n".encode("latin-1"),
    "NUL": b"\x00" * 100,
    "invalid UTF-8": bytes(range(128, 256)) * 4,
    "surrogates in UTF-8": b"\xed\xa0\x80\xed\xb0\x80\tO\n",
    "random bytes": random.Random(7).randbytes(5000),
    "gzip magic": b"\x1f\x8b\x08\x00 no gzip",
    "zero-width": "\u200b\u200c\u200d\u2060\ufeff\tO\n".encode(),
    "combining": ("a" + "\u0301\u0316" * 2000 + "\tO\n").encode(),
    "emoji": "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿🇮🇩\tO\n".encode(),
    "right to left": "\u202eمرحبا بالعالم\u202c שלום\tO\n".encode(),
    "word of a megabyte": b"a" * 2**20 + b"\tO\n",
    "mark of a megabyte": ("e" + "\u0301" * 2**19).encode() + b"\tO\n",
    "sentence of 20,000 words": b"kata\tO\n" * 20_000,
    "line of 20,000 words": b"kata " * 20_000 + b"\n",
    "20,000 columns": b"a\t" * 20_000 + b"\n" + b"a," * 20_000 + b"\n",
    "20,000 quotes": b'"' * 20_001,
    "unbalanced quotes": b'text,label\n"never closed,positive\nbaik,negative\n',
    "number of a megabyte": b"9" * 2**20,
    "nested lists": b"[" * 100_000,
    "nested objects": b'{"a":' * 100_000,
    "nested but closed": b"[" * 5000 + b"]" * 5000,
    "nested in an object": b'{"words": ' + b"[" * 980 + b"]" * 980 + b"}\n",
    "Python brackets": b"a ####" + b"(" * 5000,
    "constants": b"true\nfalse\nnull\n1\n",
    "billion laughs": billion_laughs(),
    "odd encoding": b'<?xml version="1.0" encoding="utf-7"?><a/>',
    "no encoding": b'<?xml version="1.0" encoding="nothing"?><a/>',
    "formula": b"=cmd|' /C calc'!A0\tO\n",
    "terminal": b"\x1b]0;title\x07\x1b[2J\tO\n",
}


def variants(valid: bytes) -> Iterator[tuple[str, bytes]]:
    """A valid file with one thing changed all through."""
    lines = valid.split(b"\n")
    yield "as it is", valid
    yield "with a byte order mark", b"\xef\xbb\xbf" + valid
    yield "with two byte order marks", b"\xef\xbb\xbf" * 2 + valid
    yield "CRLF", valid.replace(b"\n", b"\r\n")
    yield "CR", valid.replace(b"\n", b"\r")
    yield "no last line end", valid.rstrip(b"\n")
    yield "NUL between lines", valid.replace(b"\n", b"\n\0\n")
    yield "in UTF-16", valid.decode("utf-8").encode("utf-16")
    yield "upside down", b"\n".join(reversed(lines))
    yield "first line missing", b"\n".join(lines[1:])
    yield "last bytes missing", valid[:-7]
    yield "doubled", valid + valid
    yield "one quote more", valid.replace(b"a", b'"', 1)
    yield "tabs for commas", valid.replace(b",", b"\t")
    yield "spaces for tabs", valid.replace(b"\t", b" ")
    yield "labels never seen", re.sub(rb"(positif|positive|B-PER|PER|NotEntail|POS)", b"never_seen", valid)
    yield "columns missing", b"\n".join(re.split(rb"[\t,]", line)[0] for line in lines)
    yield "a long word within", valid.replace(b"a", b"a" * 2**20, 1)
    yield "a great number within", re.sub(rb"\d", b"9" * 6000, valid, count=1)


def mutations(valid: bytes, count: int, chance: random.Random) -> Iterator[tuple[str, bytes]]:
    """Copies of a valid file with one to four changes each."""
    for number in range(count):
        content = valid
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            content = _mutate(content, chance)
        yield f"mutation {number}", content


def _mutate(content: bytes, chance: random.Random) -> bytes:
    start = chance.randint(0, len(content))
    stop = min(len(content), start + chance.choice((1, 2, 8, 40)))
    lines = content.split(b"\n")
    place = chance.randrange(len(lines))
    match chance.randrange(9):
        case 0:
            return content[:start] + bytes([chance.randrange(256)]) + content[start + 1 :]
        case 1:
            return content[:start] + content[stop:]
        case 2:
            return content[:stop] + content[start:]
        case 3 | 4:
            return content[:start] + chance.choice(TOKENS) + content[start:]
        case 5:
            return content[:start] + chance.choice(TOKENS) + content[stop:]
        case 6:
            other = chance.randrange(len(lines))
            lines[place], lines[other] = lines[other], lines[place]
        case 7:
            del lines[place]
        case _:  # a whole value: what stands between two marks
            parts = re.split(rb"([\t,:\[\]{}\n ])", content)
            parts[chance.randrange(0, len(parts), 2)] = chance.choice(TOKENS)
            return b"".join(parts)
    return b"\n".join(lines)


Read = Callable[[Path], Any]


def outcome_of(read: Read, path: Path, name: str) -> str:
    """``result`` or ``error``; anything else fails the test."""
    measured = name in MEASURED
    if measured:
        tracemalloc.start()
    started = time.process_time()
    try:
        read(path)
        outcome = "result"
    except UserError as error:
        outcome, message = "error", str(error)
        assert path.stem in message or str(path.parent) in message, f"{name}: no place in: {message}"
        assert REMEDY.search(message), f"{name}: no remedy in: {message}"
        assert len(message) < 50_000 and "Traceback" not in message, f"{name}: {message[:500]}"
    except Exception as error:
        content = path.read_bytes() if path.is_file() else b""
        raise AssertionError(f"{name}: {type(error).__name__}: {error}; file: {content[:2000]!r}") from error
    finally:
        peak = tracemalloc.get_traced_memory()[1] if measured else 0
        if measured:
            tracemalloc.stop()
    assert time.process_time() - started < CPU_SECONDS, name
    if measured:
        assert peak < 100 * 2**20 + 60 * path.stat().st_size, f"{name}: {peak >> 20} MiB"
    return outcome


@pytest.fixture(scope="session")
def case_count() -> int:
    """How many cases each reader is given."""
    return CASES


@pytest.fixture(scope="session")
def end_well() -> Callable[[Read, Path, str], str]:
    """Calls a reader and makes sure that it keeps the rule."""
    return outcome_of


@pytest.fixture(scope="session")
def cases() -> Callable[..., Iterator[tuple[str, bytes]]]:
    """Named contents of files: the nasty ones, variants of a valid one, and its mutations."""

    def make(valid: bytes, count: int = CASES, seed: int = 0) -> Iterator[tuple[str, bytes]]:
        fixed = [*NASTY.items(), *variants(valid)]
        mutated = mutations(valid, max(count - len(fixed), 0), random.Random(seed))
        return itertools.chain(fixed, mutated)

    return make


@pytest.fixture(scope="session")
def fuzz(cases) -> Callable[..., Counter[str]]:
    """Gives a reader all cases made from one valid file; what came of them is counted.

    The valid file must be read, and some others refused, or the test would show nothing.
    """

    def run(read: Read, path: Path, valid: bytes, seed: int = 0, leave_out: Collection[str] = ()) -> Counter[str]:
        outcomes: Counter[str] = Counter()
        for name, content in cases(valid, CASES + len(leave_out), seed):
            if name in leave_out:
                continue
            path.write_bytes(content)
            outcome = outcome_of(read, path, name)
            assert outcome == "result" or name != "as it is"
            outcomes[outcome] += 1
        assert outcomes["result"] and outcomes["error"] and outcomes.total() >= CASES, outcomes
        return outcomes

    return run
