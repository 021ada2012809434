"""Corpus preparation: cleaning and tokenising by one process and by one a core, and the memory that it takes."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

from benchmarks.process import in_own_process
from benchmarks.results import Measurement, Result, make_result
from benchmarks.sentences import SAMPLE, make_tokenizer
from benchmarks.session import Session

LINES = 8  # of a document
PEAK_MEMORY = "peak MiB of a process"
PROCESS = "benchmarks.preparation_process"
ONE_CORE = "1 process on 1 core"


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
    contenders: dict[str, tuple[int, dict[str, str]]] = {  # processes, and their environment
        ONE_CORE: (1, {"RAYON_NUM_THREADS": "1"}),
        "1 process": (1, {}),  # the tokenizers library has a thread a core
    }
    if session.threads > 1:
        contenders[f"{session.threads} processes"] = (session.threads, {})
    measurements = []
    with tempfile.TemporaryDirectory() as directory:
        tokenizer = Path(directory, "tokenizer")
        make_tokenizer(None, session.size.vocab_size, []).save(tokenizer)
        for megabytes in session.size.texts:
            text = Path(directory, f"{megabytes}.txt")
            words = write_text(text, megabytes)
            found: dict[str, list[tuple[float, float]]] = {contender: [] for contender in contenders}
            for _ in range(session.repeats):
                for contender, (workers, environment) in contenders.items():
                    arguments = [str(text), str(tokenizer), workers]
                    what = f"preparing {text.name} with workers={workers}"
                    found[contender].append(in_own_process(PROCESS, arguments, what, environment))
            measurements += [
                Measurement(
                    contender=contender,
                    case={"MB of text": str(megabytes)},
                    work={"words": float(words)},
                    values=[seconds for seconds, _ in runs],
                    scores={PEAK_MEMORY: max(peak for _, peak in runs) / 2**20},
                )
                for contender, runs in found.items()
            ]
    return make_result(session, "preparation", ONE_CORE, measurements)
