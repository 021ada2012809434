"""The base of every settings class, and validation that reports all problems at once."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from elmo_xlstm.config.errors import ConfigError, describe

SettingsT = TypeVar("SettingsT", bound="Settings")


class Settings(BaseModel):
    """Immutable settings of one component; unknown keys are errors.

    A component nests its settings as a subclass named ``Config`` so that the code and what can be
    set are read together. Field docstrings become descriptions in the JSON Schema.

    Validators are built on first use, because a :class:`Registry` may grow until then.
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        defer_build=True,
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )


def validate(settings_class: type[SettingsT], values: Any, origin: str = "configuration") -> SettingsT:
    """Turn plain values into typed settings.

    Args:
        settings_class: what to build.
        values: nested dictionaries and lists, as jsonnet gives them.
        origin: what the values came from, named in the error.

    Raises:
        ConfigError: lists every problem with its full path.
    """
    try:
        return settings_class.model_validate(values)
    except ValidationError as error:
        raise ConfigError(origin, describe(error, settings_class)) from None
