"""One run of a suite, in a process of its own."""

from __future__ import annotations

import logging
import os
import shlex
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from elmo_xlstm.config import validate
from elmo_xlstm.errors import UserError, printable
from elmo_xlstm.machine import keep_freed_memory
from elmo_xlstm.progress import LogProgress
from elmo_xlstm.runs.run_directory import CONFIG_FILE, read_config
from elmo_xlstm.tasks.registry import register_tasks
from elmo_xlstm.terminal import EXIT_STATUS, PrintableFormatter, report_crash

TERMINATED = 128 + signal.SIGTERM


def main(arguments: Sequence[str]) -> int:
    """Go on with the run whose directory has been opened; what is shown goes to its log. Returns the exit status."""
    from elmo_xlstm.tasks.finetuning import FinetuneSettings, run_finetuning

    directory, command, *modules = arguments
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(PrintableFormatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("elmo_xlstm").setLevel(logging.INFO)
    try:
        register_tasks(modules)
        origin = str(Path(directory, CONFIG_FILE))
        settings = validate(FinetuneSettings, read_config(Path(directory)), origin=origin)
        result = run_finetuning(settings, Path(directory), command, resume=True, progress=LogProgress())
    except UserError as error:
        print(f"error: {printable(str(error))}", flush=True)
        return 1
    except Exception as error:
        print(f"error: {printable(report_crash(error, shlex.split(command)[2:]))}", flush=True)
        return EXIT_STATUS
    print(f"test {result.main_metric}: {100 * result.score:.2f}", flush=True)
    return 0


def _stop_with_the_suite() -> None:
    """End when the suite does, however it ends: its end of the pipe is then closed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # files half written are then cleared away

    def wait() -> None:
        os.read(0, 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def run() -> None:
    """Do what the command line says: see :func:`main`."""
    _stop_with_the_suite()
    keep_freed_memory()
    sys.exit(main(sys.argv[1:]))
