"""The base of every settings class, and registries of components that a configuration chooses by ``type``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


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
    _component: ClassVar[type[Any] | None] = None

    @classmethod
    def completed(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Plain values with the defaults that depend on other values, so that an override can change a part of one."""
        return values

    def build(self, *arguments: Any, **named: Any) -> Any:
        """Make the component whose ``Config`` these settings are, as ``Component(settings, *arguments)``."""
        if self._component is None:
            raise TypeError(f"{type(self).__qualname__} is the Config of no Configurable component")
        return self._component(self, *arguments, **named)


class Configurable:
    """A component that its nested class ``Config`` builds, as torchtitan's are (``torchtitan/config/configurable.py``).

    Settings that do more than pass themselves on have a ``build`` method of their own.
    """

    def __init_subclass__(cls, **options: Any) -> None:
        """Make the component known to its settings."""
        super().__init_subclass__(**options)
        if "Config" in vars(cls):
            vars(cls)["Config"]._component = cls


SettingsT = TypeVar("SettingsT", bound=Settings)


class Registry:
    """Names and settings classes of the implementations of one interface.

    A field annotated with ``Annotated[Any, registry]`` accepts any of them; each settings class has
    a ``type: Literal[name]`` field and a ``build`` method that makes the component.

    In a class body, a field with a default must not bear the registry's own name: the default would hide the registry.

    Args:
        interface: what is chosen, in words, for messages ("text source").
        default: name that is chosen where there is no ``type``; None if there must be one.
    """

    def __init__(self, interface: str, default: str | None = None) -> None:
        self.interface = interface
        self.default = default
        self._classes: dict[str, type[Settings]] = {}

    def register(self, name: str) -> Callable[[type[SettingsT]], type[SettingsT]]:
        """Decorate a settings class so that ``type: name`` chooses it.

        Raises:
            ValueError: the name is taken by another class, or is not the class's ``type``.
        """

        def add(settings_class: type[SettingsT]) -> type[SettingsT]:
            taken = self._classes.get(name)
            if taken is not None and taken.__qualname__ != settings_class.__qualname__:
                raise ValueError(f"{self.interface} '{name}' is already {taken.__qualname__}")
            fields = settings_class.__pydantic_fields__
            if "type" not in fields or fields["type"].default != name:
                raise ValueError(f"{settings_class.__qualname__} needs a field type: Literal['{name}'] = '{name}'")
            self._classes[name] = settings_class
            return settings_class

        return add

    def __getitem__(self, name: str) -> type[Settings]:
        return self._classes[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._classes))

    def _type(self, value: Any) -> Any:
        """The type that values or settings name, or the default."""
        return value.get("type", self.default) if isinstance(value, dict) else getattr(value, "type", self.default)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Validate as a union told apart by ``type``."""
        return core_schema.tagged_union_schema(
            choices={name: handler.generate_schema(self._classes[name]) for name in self},
            discriminator="type" if self.default is None else self._type,
            metadata={"registry": self.interface},
        )
