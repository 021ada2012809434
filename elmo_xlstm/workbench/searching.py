"""``search``: settings that score best on validation data, tried one after the other and kept in a database."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, model_validator

from elmo_xlstm.config import Settings, apply_overrides, validate
from elmo_xlstm.errors import UserError
from elmo_xlstm.progress import NullProgress, Progress
from elmo_xlstm.runs.atomic import write_text_atomically
from elmo_xlstm.runs.run_directory import CONFIG_FILE, RunSettings, open_run
from elmo_xlstm.tasks.finetuning import FinetuneSettings, train
from elmo_xlstm.workbench.jsonnet_text import to_jsonnet

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

logger = logging.getLogger(__name__)

DATABASE, TABLE, BEST, TRIALS = "search.db", "trials.csv", "best.jsonnet", "trials"
Number = int | float


class Range(Settings):
    """Values that a setting is tried with: from ``low`` to ``high``, or ``choices``."""

    low: Number | None = None
    """The least; with ``high``, a whole number if both are."""
    high: Number | None = None
    """The greatest."""
    log: bool = False
    """Whether ratios count rather than differences, as for learning rates."""
    step: Annotated[Number, Field(gt=0)] | None = None
    """Distance between values; not with ``log``."""
    choices: Annotated[list[Any], Field(min_length=1)] | None = None
    """These alone: any values, also null or objects."""

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Range:
        if (self.low is None) != (self.high is None) or (self.low is None) == (self.choices is None):
            raise ValueError("give low and high, or choices")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low {self.low} is not less than high {self.high}")
        if self.log and (self.step is not None or (self.low is not None and self.low <= 0)):
            raise ValueError("log: true needs a low greater than 0, and no step")
        return self

    def distribution(self) -> Any:
        """As Optuna has it; choices are JSON texts."""
        from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

        if self.choices is not None:
            return CategoricalDistribution([json.dumps(choice) for choice in self.choices])
        if isinstance(self.low, int) and isinstance(self.high, int):
            return IntDistribution(self.low, self.high, self.log, int(self.step or 1))
        assert self.low is not None and self.high is not None
        return FloatDistribution(self.low, self.high, self.log, self.step)

    def ends(self) -> list[Any]:
        """Values that have to be valid for all to be."""
        return self.choices if self.choices is not None else [self.low, self.high]


class SearchSettings(RunSettings):
    """A search: an experiment, and ranges of some of its settings by dotted key."""

    kind: ClassVar[str] = "search"
    written: ClassVar[tuple[str, ...]] = (DATABASE, f"{DATABASE}-journal", TABLE, BEST, TRIALS)

    experiment: dict[str, Any]
    search: Annotated[dict[str, Range], Field(min_length=1)]
    output: str
    seed: Annotated[int, Field(ge=0)] = 0
    """Of the choice of settings; the experiment has a seed of its own."""

    @property
    def directory(self) -> Path:
        """Of the search."""
        return Path(self.output)

    def of_trial(self, parameters: Mapping[str, str]) -> FinetuneSettings:
        """The experiment with the values of a trial, JSON texts by key.

        Raises:
            UserError: it is not valid.
        """
        overrides = [f"{key}={text}" for key, text in parameters.items()]
        values = apply_overrides(FinetuneSettings.completed(self.experiment), overrides)
        return validate(FinetuneSettings, values, origin=" ".join(overrides) or "experiment")


@dataclass(frozen=True)
class Trial:
    """A set of values that was tried.

    Attributes:
        number: from 0.
        parameters: JSON texts by dotted key.
        score: on validation data, between 0 and 1; None if it failed or is not finished.
    """

    number: int
    parameters: dict[str, str]
    score: float | None


def read_search(values: dict[str, Any], output: Path | None, seed: int, origin: str) -> SearchSettings:
    """A search from an experiment with a section ``search``; every range's ends are validated.

    Args:
        values: plain ones, as jsonnet gives them.
        output: directory of the search; runs/search/<task>/<model> by default.
        seed: of the search.
        origin: what the values came from.

    Raises:
        UserError: there are no ranges, or the experiment is not valid with them.
    """
    values = dict(values)
    ranges = values.pop("search", None)
    if ranges is None:
        raise UserError(
            f"{origin}: has no section 'search'; add ranges by dotted key: "
            "search: { 'trainer.learning_rate': { low: 1e-4, high: 1e-2, log: true } }"
        )
    experiment = validate(FinetuneSettings, values, origin)
    directory = output or Path("runs", "search", experiment.task.name, experiment.model)
    whole = {"experiment": values, "search": ranges, "output": str(directory), "seed": seed}
    settings = validate(SearchSettings, whole, origin)
    for key, span in settings.search.items():
        for value in span.ends():
            settings.of_trial({key: json.dumps(value)})
    return settings


def run_search(
    settings: SearchSettings, trials: int, force: bool = False, progress: Progress | None = None
) -> list[Trial]:
    """Try values until there are so many trials; what is done, or was begun before a kill, is gone on with.

    Each trial trains the head and is scored on the validation split; the test split is never scored. The values of a
    trial follow from the search's seed and the trials before.

    Args:
        settings: of the search.
        trials: how many, with those that are done.
        force: begin anew.
        progress: shows trials.

    Returns:
        All trials.

    Raises:
        UserError: Optuna is missing, or the search was begun with other settings.
        Interrupted: SIGTERM or Ctrl-C; the trial under way goes on from its checkpoint.
    """
    resume = not force and (settings.directory / CONFIG_FILE).is_file()
    with open_run(settings.directory, settings, force=force, resume=resume):
        study = open_study(settings)
        with (progress or NullProgress()).task("trials", trials, done=len(study.trials)) as work:
            for trial in _under_way(study, trials, settings):
                _try(study, trial, settings, progress)
                work.advance(1)
        found = list_trials(settings, study)
        _write_table(settings, found)
    return found


def open_study(settings: SearchSettings) -> Study:
    """The database of a search, made if it is not there.

    Raises:
        UserError: Optuna is missing.
    """
    try:
        import optuna
        from sqlalchemy import URL
    except ImportError:
        raise UserError("search needs Optuna: pip install 'elmo-xlstm[search]'") from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    address = URL.create("sqlite", database=str(settings.directory / DATABASE)).render_as_string()
    return optuna.create_study(storage=address, study_name="search", direction="maximize", load_if_exists=True)


def list_trials(settings: SearchSettings, study: Study | None = None) -> list[Trial]:
    """The trials of a search; none if it has not begun."""
    if study is None:
        if not (settings.directory / DATABASE).is_file():
            return []
        study = open_study(settings)
    return [Trial(trial.number, _texts(trial), trial.value) for trial in study.get_trials(deepcopy=False)]


def best_of(trials: Sequence[Trial]) -> Trial | None:
    """The trial with the highest score, the first of several."""
    scored = [trial for trial in trials if trial.score is not None]
    return max(scored, key=lambda trial: (trial.score, -trial.number), default=None)


def _under_way(study: Study, trials: int, settings: SearchSettings) -> Iterator[FrozenTrial]:
    """Trials to do: those that a kill left unfinished, and then new ones."""
    from optuna.samplers import TPESampler
    from optuna.trial import TrialState

    distributions = {key: span.distribution() for key, span in settings.search.items()}
    for trial in study.get_trials(states=(TrialState.RUNNING,)):
        if trial.params.keys() == distributions.keys():
            yield trial
        else:  # killed while its values were being written
            study.tell(trial.number, state=TrialState.FAIL)
    while len(study.trials) < trials:
        # A sampler of its own for each, so that a search that was killed goes on with the same values.
        study.sampler = TPESampler(seed=(settings.seed * 1_000_003 + len(study.trials)) % 2**32)
        number = study.ask(distributions).number
        yield study.trials[number]


def _try(study: Study, trial: FrozenTrial, settings: SearchSettings, progress: Progress | None) -> None:
    from optuna.trial import TrialState

    texts = _texts(trial)
    earlier = (t for t in list_trials(settings, study) if t.parameters == texts and t.score is not None)
    if (same := next(earlier, None)) is not None:
        study.tell(trial.number, same.score)
        return
    name = hashlib.sha256(json.dumps(texts, sort_keys=True).encode()).hexdigest()[:16]
    directory = settings.directory / TRIALS / name
    shown = ", ".join(f"{key} {text}" for key, text in texts.items())
    try:
        experiment = settings.of_trial(texts)
        going_on = (directory / CONFIG_FILE).is_file()
        with open_run(directory, experiment, resume=going_on):
            _, history, _ = train(experiment, directory, going_on, progress)
    except UserError as error:
        logger.warning("trial %d (%s) failed: %s", trial.number, shown, error)
        study.tell(trial.number, state=TrialState.FAIL)
        shutil.rmtree(directory, ignore_errors=True)
        return
    if history.best_epoch:
        study.tell(trial.number, history.best_value)
    else:
        study.tell(trial.number, state=TrialState.FAIL)
    shutil.rmtree(directory)  # all that is worth keeping is in the database
    logger.info("trial %d: %s: validation %s %.4f", trial.number, shown, history.monitor, history.best_value)


def _texts(trial: FrozenTrial) -> dict[str, str]:
    """The values of a trial as JSON texts; those of choices are already."""
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in trial.params.items()}


def _write_table(settings: SearchSettings, trials: Sequence[Trial]) -> None:
    """The trials as CSV, and the best one as an experiment."""
    keys = list(settings.search)
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["trial", "validation", *keys])
    for trial in trials:
        score = "" if trial.score is None else f"{trial.score:.6f}"
        rows.writerow([trial.number, score, *(trial.parameters.get(key, "") for key in keys)])
    write_text_atomically(settings.directory / TABLE, file.getvalue())
    if (best := best_of(trials)) is not None:
        overrides = [f"{key}={text}" for key, text in best.parameters.items()]
        values = apply_overrides(FinetuneSettings.completed(settings.experiment), overrides)
        values["model"] = f"{values['model']}-searched"
        write_text_atomically(settings.directory / BEST, f"{to_jsonnet(values)}\n")
