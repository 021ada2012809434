from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest

from elmo_xlstm.config import ConfigError, Registry, Settings, validate


def make_registry() -> Registry:
    shapes = Registry("shape")

    @shapes.register("circle")
    class Circle(Settings):
        """Round."""

        type: Literal["circle"] = "circle"
        radius: float
        """From the centre."""

    return shapes


def make_square(shapes: Registry, name: str = "square") -> type[Settings]:
    @shapes.register(name)
    class Square(Settings):
        type: Literal["square"] = "square"
        side: int = 1

    return Square


def test_names_are_sorted_and_lead_to_their_classes() -> None:
    shapes = make_registry()
    square = make_square(shapes)
    assert list(shapes) == ["circle", "square"] and shapes["square"] is square


def test_a_name_is_given_once() -> None:
    shapes = make_registry()

    class Ring(Settings):
        type: Literal["circle"] = "circle"

    with pytest.raises(ValueError, match="shape 'circle' is already .*Circle"):
        shapes.register("circle")(Ring)
    assert shapes["circle"].__name__ == "Circle"


def test_a_module_that_is_loaded_again_may_register_again() -> None:
    shapes = make_registry()
    make_square(shapes)
    again = make_square(shapes)
    assert shapes["square"] is again


def test_the_name_must_be_the_type_of_the_class() -> None:
    shapes = make_registry()
    with pytest.raises(ValueError, match=r"needs a field type: Literal\['sqare'\] = 'sqare'"):
        make_square(shapes, "sqare")

    class Bare(Settings):
        side: int = 1

    with pytest.raises(ValueError, match=r"Bare needs a field type: Literal\['bare'\]"):
        shapes.register("bare")(Bare)
    assert list(shapes) == ["circle"]


def test_a_plug_in_is_accepted_after_the_using_class_was_defined() -> None:
    shapes = make_registry()

    class Drawing(Settings):
        shapes: list[Annotated[Any, shapes]]

    class Book(Settings):
        drawing: Drawing

    square = make_square(shapes)
    book = validate(Book, {"drawing": {"shapes": [{"type": "square", "side": 3}, {"type": "circle", "radius": 1}]}})
    assert book.drawing.shapes[0] == square(side=3)
    assert book.model_dump(mode="json")["drawing"]["shapes"][1] == {"type": "circle", "radius": 1.0}


def test_an_instance_is_accepted_as_a_value() -> None:
    shapes = make_registry()

    class Drawing(Settings):
        shape: Annotated[Any, shapes] = shapes["circle"](radius=2)

    assert validate(Drawing, {}).shape.radius == 2
    assert Drawing(shape=shapes["circle"](radius=3)).shape.radius == 3


def test_each_choice_takes_its_own_keys_only() -> None:
    shapes = make_registry()
    make_square(shapes)

    class Drawing(Settings):
        shape: Annotated[Any, shapes]

    with pytest.raises(ConfigError) as caught:
        validate(Drawing, {"shape": {"type": "square", "radius": 1}})
    assert caught.value.problems == ["shape.radius: unknown key; known here: side, type"]


def test_schema_holds_every_alternative_with_its_descriptions() -> None:
    shapes = make_registry()
    make_square(shapes)

    class Drawing(Settings):
        """A picture."""

        shapes: list[Annotated[Any, shapes]]
        """From back to front."""
        frame: Annotated[Any, shapes] | None = None

    schema = Drawing.model_json_schema()
    assert schema["description"] == "A picture." and schema["additionalProperties"] is False
    assert schema["properties"]["shapes"]["description"] == "From back to front."
    circle, square = schema["$defs"]["Circle"], schema["$defs"]["Square"]
    assert circle["description"] == "Round." and circle["properties"]["radius"]["description"] == "From the centre."
    assert circle["properties"]["type"]["const"] == "circle" and square["properties"]["side"]["default"] == 1
    choice = schema["properties"]["shapes"]["items"]
    assert sorted(entry["$ref"] for entry in choice["oneOf"]) == ["#/$defs/Circle", "#/$defs/Square"]
    assert choice["discriminator"]["mapping"] == {"circle": "#/$defs/Circle", "square": "#/$defs/Square"}
    assert choice in schema["properties"]["frame"]["anyOf"]
