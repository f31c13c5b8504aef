"""Plain values against declared types: every mistake at once, each place once, with the name that was meant."""

from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Literal

import pytest
from pydantic import ConfigDict, Field

from src.foundation.validation import STRICT, nearest, unknown_key, unknown_name, validated


@dataclass(frozen=True, kw_only=True)
class Lamp:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    watts: Annotated[float, Field(gt=0)]
    bulbs: Annotated[int, Field(ge=1)] = 1
    on: bool = True


@dataclass(frozen=True, kw_only=True)
class Room:
    __pydantic_config__: ClassVar[ConfigDict] = STRICT
    size: tuple[int, int]
    lamp: Lamp
    name: str | None = None
    limit: Annotated[int, Field(ge=1)] | Annotated[float, Field(gt=0, le=1)] | None = None
    use: Literal["bed", "bath"] = "bed"
    levels: list[str] | dict[str, str] = field(default_factory=list)


ROOM = {"size": [3, 4], "lamp": {"watts": 40}}
KNOWN = ["size", "lamp", "lamp.watts", "lamp.bulbs", "lamp.on", "name", "limit", "use", "levels"]


def mistakes(**changed: Any) -> list[str]:
    return [error.what for error in validated(Room, ROOM | changed, known=KNOWN)[1]]


def test_mappings_become_dataclasses_and_lists_tuples() -> None:
    room, wrong = validated(Room, ROOM | {"limit": 0.5, "levels": {"a": "b"}})
    assert not wrong
    assert room == Room(size=(3, 4), lamp=Lamp(watts=40.0), limit=0.5, levels={"a": "b"})


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"size": [3]}, "size.1 is missing"),
        ({"size": [3, 4, 5]}, "size=[3, 4, 5] is not of 2 entries"),
        ({"size": [3, True]}, "size.1=true is not a whole number"),
        ({"size": 3}, "size=3 is not a list"),
        ({"name": 3}, "name=3 is not text"),
        ({"lamp": 3}, "lamp=3 is not a mapping"),
        ({"lamp": {"watts": float("nan")}}, "lamp.watts=nan is not a finite number"),
        ({"lamp": {"watts": float("inf")}}, "lamp.watts=inf is not a finite number"),
        ({"lamp": {"watts": 1, "bulbs": True}}, "lamp.bulbs=true is not a whole number"),
        ({"lamp": {"watts": 1, "bulbs": 0}}, "lamp.bulbs=0 is not at least 1"),
        ({"lamp": {"watts": 1, "on": 1}}, "lamp.on=1 is not true or false"),
        ({"lamp": {}}, "lamp.watts is missing"),
        ({"use": "beds"}, "use=beds is not one of bed, bath"),
    ],
)
def test_each_value_is_told_by_what_it_should_be(changed: dict[str, Any], words: str) -> None:
    assert mistakes(**changed) == [words]


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"limit": "half"}, ["a whole number", "a number"]),
        ({"limit": True}, ["a whole number", "a number"]),
        ({"limit": -1.5}, ["a whole number", "above 0"]),
        ({"levels": "a"}, ["a list", "a mapping"]),
    ],
)
def test_a_value_that_fits_none_of_several_types_is_told_once(changed: dict[str, Any], wanted: list[str]) -> None:
    (what,) = mistakes(**changed)
    assert what.startswith(f"{next(iter(changed))}=")
    assert all(words in what for words in wanted)


def test_every_mistake_is_told_and_nothing_is_read() -> None:
    values = {"size": [3, "4"], "lamp": {"watts": 0, "bulb": 2}, "use": 1, "nme": "hall"}
    room, wrong = validated(Room, values, known=KNOWN)
    assert room is None
    assert sorted(error.what for error in wrong) == [
        "lamp.watts=0 is not above 0",
        "size.1=4 is not a whole number",
        "there is no key lamp.bulb",
        "there is no key nme",
        "use=1 is not one of bed, bath",
    ]
    mends = {error.what: error.mend for error in wrong}
    assert mends["there is no key lamp.bulb"] == "lamp.bulbs=2"
    assert mends["there is no key nme"] == "name=hall"


def test_places_are_told_from_the_top() -> None:
    (error,) = validated(Lamp, {"watts": "bright"}, "room.lamp")[1]
    assert error.what == "room.lamp.watts=bright is not a number"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("watts", "lamp.watts"),  # the same word elsewhere
        ("lamp.buls", "lamp.bulbs"),
        ("lamp.levels", "levels"),
        ("bulb", "lamp.bulbs"),
        ("entirely_different", None),
    ],
)
def test_the_nearest_name_is_the_same_word_or_the_nearest_spelling(name: str, meant: str | None) -> None:
    assert nearest(name, KNOWN) == meant


def test_usual_words_of_other_programs_are_understood() -> None:
    assert nearest("epochs", ["trainer.max_epochs", "trainer.epoch"]) == "trainer.max_epochs"
    assert nearest("learning_rate", ["optimiser.lr"]) == "optimiser.lr"
    assert nearest("epochs", ["optimiser.lr"]) is None


def test_an_unknown_key_is_told_with_those_beside_it() -> None:
    error = unknown_key("lamp.colour", "red", KNOWN)
    assert error.what == "there is no key lamp.colour"
    assert error.why == "lamp has bulbs, on, watts"
    assert not error.mend
    assert unknown_key("naem", "hall", KNOWN).mend == "name=hall"


def test_an_unknown_name_is_told_with_all_there_are() -> None:
    error = unknown_name("task", "dept", ["depth", "normal"])
    assert (error.what, error.why, error.mend) == ("task=dept is unknown", "there are depth, normal", "task=depth")
    assert not unknown_name("task", "flow", ["depth", "normal"]).mend
