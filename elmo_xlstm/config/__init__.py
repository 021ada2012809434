"""From an experiment file to validated, typed settings."""

from elmo_xlstm.config.errors import ConfigError
from elmo_xlstm.config.experiment import load_experiment, read_experiment
from elmo_xlstm.config.jsonnet import evaluate_jsonnet
from elmo_xlstm.config.overrides import apply_overrides
from elmo_xlstm.config.registry import Registry
from elmo_xlstm.config.settings import Settings, validate

__all__ = [
    "ConfigError",
    "Registry",
    "Settings",
    "apply_overrides",
    "evaluate_jsonnet",
    "load_experiment",
    "read_experiment",
    "validate",
]
