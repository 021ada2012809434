"""The kinds of task that an experiment can name."""

from __future__ import annotations

import importlib
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from elmo_xlstm.config import Registry
from elmo_xlstm.errors import UserError

tasks = Registry("task")
MODULES = ("tagging", "classification", "aspects", "pairs", "question", "baselines")
"""Modules that register tasks, data sets and heads."""


def register_tasks(modules: Sequence[str] = ()) -> None:
    """Import all kinds of task, with their data sets and heads, and the user's own modules.

    Args:
        modules: names of further modules; for them alone the working directory is looked in, after all other places, so
            that no file there is taken for a library's.

    Raises:
        UserError: one of them cannot be imported.
    """
    for name in MODULES:
        importlib.import_module(f"{__package__}.{name}")
    if modules:
        sys.path.append(str(Path.cwd()))
    for name in modules:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise UserError(f"--include-package {name}: cannot be imported: {error}") from None
        except Exception as error:  # it is the user's own code
            where = traceback.extract_tb(error.__traceback__)[-1]
            raise UserError(
                f"--include-package {name}: {where.filename}:{where.lineno}: {type(error).__name__}: {error}; mend the "
                "module, or leave the option out"
            ) from error
