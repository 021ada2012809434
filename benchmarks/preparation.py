"""Corpus preparation: cleaning and tokenising by one process and by one a core, and the memory that it takes."""

from __future__ import annotations

import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.memory import benchmark_environment, highest_resident
from benchmarks.results import Measurement, Result, make_result
from benchmarks.sentences import SAMPLE, make_tokenizer
from benchmarks.session import Session
from elmo_xlstm.errors import UserError
from elmo_xlstm.text import CorpusConfig, prepare_corpus

LINES = 8  # of a document
PEAK_MEMORY = "peak MiB of a process"


def write_text(path: Path, megabytes: float, seed: int = 0) -> int:
    """Documents of lines of the sample, drawn at random so that none comes twice.

    Returns:
        How many words they have.
    """
    running = (SAMPLE / "text" / "running.txt").read_text(encoding="utf-8")
    lines = [line for line in running.splitlines() if line.strip()]
    generator, size, words = random.Random(seed), 0, 0
    with open(path, "w", encoding="utf-8") as file:
        while size < megabytes * 1e6:
            document = "\n".join(generator.choices(lines, k=LINES)) + "\n\n"
            size += len(document.encode())
            words += len(document.split())
            file.write(document)
    return words


def measure_preparation(session: Session) -> Result:
    """Each size of text by each number of processes in turn, every time in a fresh process.

    Raises:
        UserError: a process failed.
    """
    workers = dict.fromkeys((1, session.threads))
    measurements = []
    with tempfile.TemporaryDirectory() as directory:
        tokenizer = Path(directory, "tokenizer")
        make_tokenizer(None, session.size.vocab_size, []).save(tokenizer)
        for megabytes in session.size.texts:
            text = Path(directory, f"{megabytes}.txt")
            words = write_text(text, megabytes)
            found: dict[int, list[tuple[float, float]]] = {count: [] for count in workers}
            for _ in range(session.repeats):
                for count in workers:
                    found[count].append(_in_own_process(text, tokenizer, count))
            measurements += [
                Measurement(
                    contender=f"{count} process" + "es" * (count > 1),
                    case={"MB of text": str(megabytes)},
                    work={"words": float(words)},
                    values=[seconds for seconds, _ in runs],
                    scores={PEAK_MEMORY: max(peak for _, peak in runs) / 2**20},
                )
                for count, runs in found.items()
            ]
    return make_result(session, "preparation", "1 process", measurements)


def _in_own_process(text: Path, tokenizer: Path, workers: int) -> tuple[float, float]:
    arguments = json.dumps([str(text), str(tokenizer), workers])
    command = [sys.executable, "-m", "benchmarks.preparation", arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=benchmark_environment())
    if done.returncode:
        last = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise UserError(f"preparing {text.name} with {workers} processes failed: {last[0]}")
    seconds, peak = json.loads(done.stdout.splitlines()[-1])
    return seconds, peak


def main(arguments: str) -> None:
    """Print the seconds that preparing a text takes, and the bytes of the process that held most."""
    text, name, workers = json.loads(arguments)
    tokenizer = make_tokenizer(name, 0, [])
    source = {"type": "local", "paths": [text], "documents": "blank_line"}
    config = CorpusConfig.model_validate({"sources": [source], "workers": workers})
    with tempfile.TemporaryDirectory() as directory:
        started = time.perf_counter()
        prepare_corpus(config, tokenizer, Path(directory))
        seconds = time.perf_counter() - started
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * (1024 if sys.platform != "darwin" else 1)
    print(json.dumps([seconds, max(highest_resident(), children)]))


if __name__ == "__main__":
    main(sys.argv[1])
