"""The frame around a command: one message for whatever goes wrong, and the way to go on after an interruption."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Sequence

from elmo_xlstm.errors import UserError, printable
from elmo_xlstm.runs.interruption import Interrupted, terminable
from elmo_xlstm.terminal import EXIT_STATUS, messages, report_crash, set_up_logging, this_command

INTERRUPTED = 128 + signal.SIGINT


def run_command(app: Callable[[], object]) -> None:
    """Run the command that ``sys.argv`` gives and end the process as it ends.

    Errors are one message, never a traceback unless ``--debug`` asks for it.
    """
    arguments = sys.argv[1:]
    set_up_logging()
    os.environ["PYTHONSAFEPATH"] = "1"  # for processes that Python starts by itself: the working directory is no module
    try:
        _refuse_broken_text(arguments)
        with terminable():
            app()
    except UserError as error:
        _say(f"error: {error}", "red")
        sys.exit(1)
    except SystemExit as end:
        if not isinstance(end, Interrupted) and end.code == INTERRUPTED:  # typer has caught the KeyboardInterrupt
            _say_how_to_go_on(Interrupted(signal.SIGINT), arguments)
        elif isinstance(end, Interrupted):
            _say_how_to_go_on(end, arguments)
        raise
    except BaseException as error:  # a library written in Rust raises what is no Exception
        _say(f"error: {report_crash(error, arguments, show='--debug' in arguments)}", "red")
        sys.exit(EXIT_STATUS)


def refuse_several_processes(command: str) -> None:
    """Refuse, with a UserError, to run under a launcher of processes that would all write the same files."""
    if "LOCAL_RANK" in os.environ and int(os.environ.get("WORLD_SIZE", "1")) > 1:
        if os.environ.get("RANK") != "0":
            sys.exit(1)
        raise UserError(f"{command} runs in one process; start it without torchrun or accelerate launch")


def _refuse_broken_text(arguments: Sequence[str]) -> None:
    """Names that are no UTF-8 could be neither kept in a run's configuration nor printed."""
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise UserError(f"{argument}: is not UTF-8; rename the file, or write the option in UTF-8") from None


def _say_how_to_go_on(end: Interrupted, arguments: Sequence[str]) -> None:
    if os.environ.get("RANK", "0") != "0":
        return
    if end.resumable:
        arguments = [argument for argument in arguments if argument not in ("--force", "--resume")] + ["--resume"]
    local = os.environ.get("LOCAL_WORLD_SIZE")
    launcher = ["torchrun", "--nproc_per_node", str(local), sys.argv[0]]
    command = this_command(*arguments) if local is None else [*launcher, *arguments]
    several_machines = int(os.environ.get("WORLD_SIZE", "1")) > int(local or "1")
    nodes = " (on every machine, with the launcher's options as before)" if several_machines else ""
    _say(f"{end}. Go on with: {shlex.join(command)}{nodes}", "yellow")


def _say(message: str, style: str) -> None:
    messages.print(printable(message), style=style, markup=False, highlight=False, soft_wrap=True)
