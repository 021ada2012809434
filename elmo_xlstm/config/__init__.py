"""From an experiment file to validated, typed settings."""

from elmo_xlstm.config.errors import ConfigError, suggestion
from elmo_xlstm.config.experiment import apply_overrides, load_experiment, read_experiment
from elmo_xlstm.config.jsonnet import evaluate_jsonnet, find_experiment
from elmo_xlstm.config.settings import Configurable, Registry, Settings, SettingsT
from elmo_xlstm.config.validation import validate

__all__ = [
    "ConfigError",
    "Configurable",
    "Registry",
    "Settings",
    "SettingsT",
    "apply_overrides",
    "evaluate_jsonnet",
    "find_experiment",
    "load_experiment",
    "read_experiment",
    "suggestion",
    "validate",
]
