"""Running a series of recipes, as far as it is not done."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from elmo_xlstm.config import load_experiment
from elmo_xlstm.errors import UserError
from elmo_xlstm.lm.initial_model import complete
from elmo_xlstm.lm.model_directory import MODEL_DIRECTORY, WEIGHTS_FILE
from elmo_xlstm.lm.pretraining import run_pretraining
from elmo_xlstm.lm.pretraining_settings import PretrainSettings
from elmo_xlstm.lm.recipes.measuring import measure
from elmo_xlstm.lm.recipes.series import SeriesSettings, read_result
from elmo_xlstm.lm.recipes.table import write_table
from elmo_xlstm.progress import Progress
from elmo_xlstm.runs.run_directory import CONFIG_FILE, open_run
from elmo_xlstm.terminal import report_crash
from elmo_xlstm.text.tokenizer import TOKENIZER_FILE
from elmo_xlstm.text.tokenizer_training import TokenizerSettings, run_tokenizer_training

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecipeFiles:
    """Where the experiments of a series are, and what they need to be evaluated.

    Attributes:
        directory: of the files ``<name>.jsonnet``.
        variables: ``NAME=VALUE`` for ``std.extVar``.
        imports: directories that the files may import from, beside their own.
    """

    directory: Path
    variables: Sequence[str] = ()
    imports: Sequence[Path] = ()

    def recipe(self, name: str) -> PretrainSettings:
        """A pretraining experiment."""
        return load_experiment(PretrainSettings, self._path(name), (), self.variables, self.imports)

    def tokenizer(self, name: str) -> TokenizerSettings:
        """A tokenizer experiment."""
        return load_experiment(TokenizerSettings, self._path(name), (), self.variables, self.imports)

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}.jsonnet"


def run_series(
    series: SeriesSettings, files: RecipeFiles, only: Collection[str] = (), progress: Progress | None = None
) -> dict[str, str]:
    """Make vocabularies and models that are not made yet, score them, and write results and table after each.

    A run that was stopped goes on from its newest checkpoint; a finished one is not trained again, nor scored again on
    texts that it was scored on.

    Args:
        series: what there is to do.
        files: its experiments.
        only: names of these recipes alone; all by default.
        progress: shows how far the work has come.

    Returns:
        The error of each recipe that failed, by its name; the other recipes are done.

    Raises:
        UserError: the base or a tokenizer experiment is not valid, or ``only`` names what is no recipe.
        Interrupted: SIGTERM or Ctrl-C; the run under way wrote a checkpoint first.
    """
    if unknown := sorted(set(only) - set(series.names())):
        raise UserError(f"--only {','.join(unknown)}: no recipe of the series; there are {', '.join(series.names())}")
    tokenizers = [files.tokenizer(name) for name in series.tokenizers]
    base = files.recipe(series.base)
    failures = {}
    for name in series.names():
        if only and name not in only:
            continue
        try:
            settings = files.recipe(name)
            for tokenizer in tokenizers:
                if settings.tokenizer is not None and tokenizer.output == settings.tokenizer.name:
                    _make_tokenizer(tokenizer, progress)
            _train(settings, progress)
            before = read_result(name, series.results)
            measure(name, Path(settings.output), base, series.texts, before).write(series.results)
            write_table(series)
        except UserError as error:
            logger.error("%s: %s", name, error)
            failures[name] = str(error)
        except Exception as error:  # one recipe's crash is not to cost the others
            logger.error("%s: %s", name, report_crash(error, ["recipes", "--only", name]))
            failures[name] = f"{type(error).__name__}: {error}"
    return failures


def _make_tokenizer(settings: TokenizerSettings, progress: Progress | None) -> None:
    directory = Path(settings.output)
    finished = (directory / TOKENIZER_FILE).is_file()
    with open_run(directory, settings, resume=finished):  # refuses one of other settings
        if not finished:
            run_tokenizer_training(settings, directory, progress)


def _train(settings: PretrainSettings, progress: Progress | None) -> None:
    directory = Path(settings.output)
    begun = (directory / CONFIG_FILE).is_file()
    settings = complete(settings, directory if begun else None)
    with open_run(directory, settings, resume=begun):  # refuses one of other settings
        if not (directory / MODEL_DIRECTORY / WEIGHTS_FILE).is_file():
            run_pretraining(settings, directory, begun, progress)
