from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from elmo_xlstm.errors import UserError
from elmo_xlstm.text import tokenization
from elmo_xlstm.text.cleaning import Cleaner
from elmo_xlstm.text.sources import SourceSettings
from elmo_xlstm.text.sources.base import Document
from elmo_xlstm.text.tokenization import hash_tokens, tokenize_batch, tokenize_documents
from elmo_xlstm.text.tokenizer import Tokenizer

CLEANING = Cleaner.Config(min_characters=5)


def documents(count: int) -> Iterator[Document]:
    for index in range(count):
        yield Document(f"dokumen nomor {index} " + "kata " * (index % 7), f"x:{index}")


def test_documents_stand_between_begin_and_end_and_are_measured(tokenizer: Tokenizer) -> None:
    texts = ["dia makan nasi", "pendek"[:2], "saya  pergi"]
    batch = tokenize_batch([Document(text, "x") for text in texts], CLEANING.build(), tokenizer)
    expected = [[tokenizer.bos_id, *ids, tokenizer.eos_id] for ids in tokenizer.encode_texts([texts[0], "saya pergi"])]
    assert batch.tokens.tolist() == expected[0] + expected[1]
    assert batch.tokens.dtype == np.uint16
    assert batch.lengths.tolist() == [len(ids) for ids in expected]
    assert batch.characters.tolist() == [14, 10]
    assert batch.hashes.tolist() == [hash_tokens(ids) for ids in expected]
    assert batch.report.to_dict()["dropped"]["short"] == 1


def test_hash_is_the_same_on_every_machine() -> None:
    assert hash_tokens([2, 1000, 70_000, 3]) == 14599356289060447070


def test_no_document_gives_no_batch(tokenizer: Tokenizer) -> None:
    assert list(tokenize_documents([(SourceSettings(), [])], CLEANING, tokenizer, workers=2)) == []


def test_batch_of_dropped_documents_is_empty(tokenizer: Tokenizer) -> None:
    batch = tokenize_batch([Document("a", "x")], CLEANING.build(), tokenizer)
    assert len(batch.tokens) == len(batch.lengths) == len(batch.hashes) == 0


def test_processes_give_the_same_batches_in_the_same_order_and_few_wait(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenization, "BATCH_DOCUMENTS", 5)
    monkeypatch.setattr(tokenization, "IN_PROCESS_BATCHES", 2)
    taken = 0

    def counted() -> Iterator[Document]:
        nonlocal taken
        for document in documents(200):
            taken += 1
            yield document

    expected = list(tokenize_documents([(SourceSettings(), documents(200))], CLEANING, tokenizer, workers=1))
    stream = tokenize_documents([(SourceSettings(), counted())], CLEANING, tokenizer, workers=2)
    batches = [next(stream)]
    assert taken <= 5 * 2 * tokenization.BATCHES_IN_FLIGHT_PER_WORKER
    batches += stream
    assert len(batches) == len(expected) == 40
    for batch, reference in zip(batches, expected, strict=True):
        assert batch.tokens.tolist() == reference.tokens.tolist()
        assert batch.hashes.tolist() == reference.hashes.tolist()
        assert batch.report == reference.report


class _DyingCleaner(Cleaner.Config):
    def build(self) -> Cleaner:
        os._exit(3)


def test_dead_process_is_a_clear_message(tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenization, "BATCH_DOCUMENTS", 1)
    monkeypatch.setattr(tokenization, "IN_PROCESS_BATCHES", 0)
    with pytest.raises(UserError, match="a process that tokenises text died"):
        list(tokenize_documents([(SourceSettings(), documents(3))], _DyingCleaner(), tokenizer, workers=2))


HOLD_WORKERS = """
import time
from elmo_xlstm.text import tokenization
from elmo_xlstm.text.cleaning import Cleaner
from elmo_xlstm.text.sources.base import Document
from elmo_xlstm.text.sources import SourceSettings
from elmo_xlstm.text.tokenizer import Tokenizer

if __name__ == "__main__":
    import multiprocessing, sys
    from pathlib import Path

    tokenization.BATCH_DOCUMENTS, tokenization.IN_PROCESS_BATCHES = 1, 0
    texts = (Document(f"dokumen nomor {index}", "x") for index in range(50))
    tokenizer = Tokenizer.load(Path(sys.argv[1]))
    sources = [(SourceSettings(), texts)]
    stream = tokenization.tokenize_documents(sources, Cleaner.Config(min_characters=1), tokenizer, 2)
    next(stream)
    print(*(child.pid for child in multiprocessing.active_children()), flush=True)
    time.sleep(60)
"""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks processes up in /proc")
def test_processes_end_when_their_parent_is_killed(tokenizer: Tokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path / "tokenizer")
    (tmp_path / "hold.py").write_text(HOLD_WORKERS)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, str(tmp_path / "hold.py"), str(tmp_path / "tokenizer")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        children = [int(pid) for pid in process.stdout.readline().split()]
        process.kill()
    assert children
    deadline = time.monotonic() + 20
    while any(is_running(pid) for pid in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [pid for pid in children if is_running(pid)]


def is_running(pid: int) -> bool:
    """A process that ended but was not waited for (no init in a container) is not running."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_failing_source_ends_the_processes_and_is_reported(
    tokenizer: Tokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenization, "BATCH_DOCUMENTS", 1)
    monkeypatch.setattr(tokenization, "IN_PROCESS_BATCHES", 0)

    def failing() -> Iterator[Document]:
        yield from documents(3)
        raise UserError("a.txt:4: is not UTF-8")

    with pytest.raises(UserError, match=r"a\.txt:4"):
        list(tokenize_documents([(SourceSettings(), failing())], CLEANING, tokenizer, workers=2))
