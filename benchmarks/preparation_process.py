"""One preparation of a text, in a process of its own, which its worker processes import again."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.process import highest_resident, highest_resident_of_children
from elmo_xlstm.text import CorpusConfig, Tokenizer, prepare_corpus


def main(arguments: str) -> None:
    """Print the seconds that preparing a text takes, and the bytes of the process that held most."""
    text, tokenizer, workers = json.loads(arguments)
    source = {"type": "local", "paths": [text], "documents": "blank_line"}
    config = CorpusConfig.model_validate({"sources": [source], "workers": workers})
    with tempfile.TemporaryDirectory() as directory:
        started = time.perf_counter()
        prepare_corpus(config, Tokenizer.load(Path(tokenizer)), Path(directory))
        seconds = time.perf_counter() - started
    print(json.dumps([seconds, max(highest_resident(), highest_resident_of_children())]))


if __name__ == "__main__":
    main(sys.argv[1])
