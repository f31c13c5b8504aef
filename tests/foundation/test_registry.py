"""Parts by name: what can be named, which options are taken, and what is said to everything else."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from src.foundation.errors import CombinedUserError, UserError
from src.foundation.registry import REGISTRIES, import_extensions

BASE = """
from src.foundation.registry import Registry

SHAPES = Registry("shape", "shapes", given=("unit",))
FILLS = Registry("fill", "shapes")
"""
ROUND = """
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from shapes.base import SHAPES
from src.foundation.part_options import Slot


@SHAPES.register(traits="has no corners")
def circle(
    unit: str,
    radius: Annotated[float, Field(gt=0)],
    dots: Annotated[int, Field(ge=0, le=9)] = 0,
    filled: bool = False,
    line: Literal["solid", "dotted"] = "solid",
    sizes: Sequence[float] = (),
    fill: Annotated[Any, Slot("fill")] = None,
    later: Annotated[Mapping[str, Any] | None, Slot("fill", built=False)] = None,
    notes: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    return locals()
"""
ANGULAR = """
from shapes.base import FILLS, SHAPES


@SHAPES.register()
class LongRectangle:
    def __init__(self, sides: int = 4) -> None:
        self.sides = sides

    def __call__(self, unit: str) -> str:
        return f"{self.sides} {unit}"


@FILLS.register("lines")
class Hatching:
    def __init__(self, count: int) -> None:
        self.count = count
"""
STAR = """
from shapes.base import SHAPES


@SHAPES.register()
def star(unit: str, points: int = 5) -> str:
    return f"{points} {unit}"
"""


@pytest.fixture
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Registries of a package of parts, and beside it a module ``stars`` of someone else's."""
    (tmp_path / "shapes").mkdir()
    for name, text in {"__init__": "", "base": BASE, "round": ROUND, "angular": ANGULAR}.items():
        (tmp_path / "shapes" / f"{name}.py").write_text(text)
    (tmp_path / "stars.py").write_text(STAR)
    monkeypatch.syspath_prepend(tmp_path)
    base = importlib.import_module("shapes.base")
    yield SimpleNamespace(shapes=base.SHAPES, fills=base.FILLS)
    for name in [name for name in sys.modules if name.partition(".")[0] in ("shapes", "stars")]:
        del sys.modules[name]
    for kind in ("shape", "fill"):
        del REGISTRIES[kind]


def circle(**options: Any) -> dict[str, Any]:
    return {"_target_": "circle", "radius": 1.0, **options}


def told(registry: Any, config: Any) -> list[str]:
    """What is wrong with a configuration, once ``build`` and ``bind`` are known to refuse it for the same."""
    mistakes = [error.what for error in registry.mistakes(config)]
    for use in (registry.build, registry.bind):
        with pytest.raises(UserError) as refusal:
            use(config)
        errors = refusal.value.errors if isinstance(refusal.value, CombinedUserError) else [refusal.value]
        assert [error.what for error in errors] == mistakes
    return mistakes


def test_parts_are_found_in_their_package_under_their_own_names(known: Any) -> None:
    assert known.shapes.names() == ["circle", "long_rectangle"]
    assert known.fills.names() == ["lines"]


def test_a_part_gets_what_the_code_gives_and_its_options(known: Any) -> None:
    built = known.shapes.build(circle(radius=2, line="dotted"), "cm")
    assert (built["unit"], built["radius"], built["line"], built["dots"]) == ("cm", 2.0, "dotted", 0)
    assert isinstance(built["radius"], float)
    assert known.shapes.bind(circle(dots=3))("mm")["dots"] == 3
    assert known.shapes.bind({"_target_": "long_rectangle", "sides": 6})("mm") == "6 mm"


def test_what_the_code_gives_is_no_option(known: Any) -> None:
    assert "unit" not in known.shapes.options(circle())
    assert known.shapes.takes(circle(), "unit")
    assert not known.shapes.takes({"_target_": "long_rectangle"}, "radius")
    assert told(known.shapes, circle(unit="cm")) == ["there is no key shape.unit"]


def test_an_unknown_name_is_told_with_the_one_that_was_meant(known: Any) -> None:
    with pytest.raises(UserError) as refusal:
        known.shapes.build({"_target_": "cirle"}, "cm")
    assert refusal.value.what == "shape._target_=cirle is unknown"
    assert refusal.value.why == "there are circle, long_rectangle"
    assert refusal.value.mend == "shape._target_=circle"


@pytest.mark.parametrize("name", [None, 3, ["circle"], {"circle": 1}])
def test_what_is_no_name_names_nothing(known: Any, name: Any) -> None:
    (mistake,) = told(known.shapes, {"_target_": name})
    assert mistake.endswith("lacks _target_" if name is None else "is unknown")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("radius", "wide", "shape.radius=wide is not a number"),
        ("radius", True, "shape.radius=true is not a number"),
        ("radius", None, "shape.radius=null is not a number"),
        ("radius", float("nan"), "shape.radius=nan is not a finite number"),
        ("radius", float("inf"), "shape.radius=inf is not a finite number"),
        ("radius", -float("inf"), "shape.radius=-inf is not a finite number"),
        ("radius", 0, "shape.radius=0 is not above 0"),
        ("dots", 2.0, "shape.dots=2.0 is not a whole number"),
        ("dots", "2", "shape.dots=2 is not a whole number"),
        ("dots", True, "shape.dots=true is not a whole number"),
        ("dots", -1, "shape.dots=-1 is not at least 0"),
        ("dots", 10, "shape.dots=10 is not at most 9"),
        ("filled", 1, "shape.filled=1 is not true or false"),
        ("filled", "true", "shape.filled=true is not true or false"),
        ("line", "dashed", "shape.line=dashed is not one of solid, dotted"),
        ("sizes", 3, "shape.sizes=3 is not a list"),
        ("sizes", [1, float("nan")], "shape.sizes.1=nan is not a finite number"),
        ("notes", [1], "shape.notes=[1] is not a mapping"),
    ],
)
def test_a_value_of_another_type_or_out_of_bounds_is_refused(known: Any, option: str, value: Any, words: str) -> None:
    assert told(known.shapes, circle(**{option: value})) == [words]


def test_an_option_without_a_default_has_to_be_given(known: Any) -> None:
    assert told(known.shapes, {"_target_": "circle"}) == ["shape.radius is missing"]


def test_an_unknown_option_is_told_with_the_one_that_was_meant(known: Any) -> None:
    (error,) = known.shapes.mistakes(circle(filed=True), "poster.shape")
    assert error.what == "there is no key poster.shape.filed"
    assert error.mend == "poster.shape.filled=true"
    assert "radius" in error.why


def test_every_mistake_is_told_at_once_those_of_inner_parts_too(known: Any) -> None:
    config = circle(radius="x", dots=True, filed=1, line="o", fill={"_target_": "lines", "count": 1.5, "cont": 1})
    assert sorted(told(known.shapes, config)) == [
        "shape.dots=true is not a whole number",
        "shape.fill.count=1.5 is not a whole number",
        "shape.line=o is not one of solid, dotted",
        "shape.radius=x is not a number",
        "there is no key shape.filed",
        "there is no key shape.fill.cont",
    ]


def test_the_part_in_a_slot_is_checked_and_built_or_left_to_be_built_later(known: Any) -> None:
    inner = {"_target_": "lines", "count": 3}
    built = known.shapes.build(circle(fill=inner, later=inner), "cm")
    assert built["fill"].count == 3
    assert built["later"] == inner
    for slot in ("fill", "later"):
        wrong = {"_target_": "lines", "count": "many"}
        assert told(known.shapes, circle(**{slot: wrong})) == [f"shape.{slot}.count=many is not a whole number"]
        assert told(known.shapes, circle(**{slot: {"_target_": "line"}})) == [f"shape.{slot}._target_=line is unknown"]
        assert told(known.shapes, circle(**{slot: "lines"})) == [f"shape.{slot}=lines is not a mapping"]
    assert known.shapes.build(circle(fill=None), "cm")["fill"] is None


@pytest.mark.parametrize(
    ("notes", "place"),
    [
        ({"_target_": "circle"}, "shape.notes"),
        ({"a": {"b": {"_target_": "os.system"}}}, "shape.notes.a.b"),
        ({"a": [1, {"_target_": "lines"}]}, "shape.notes.a"),
    ],
)
def test_a_part_where_nothing_would_build_it_is_refused(known: Any, notes: dict[str, Any], place: str) -> None:
    (mistake,) = told(known.shapes, circle(notes=notes))
    assert mistake.startswith(f"{place} holds a _target_ of its own")


@pytest.mark.parametrize("place", ["part", "slot"])
def test_a_dotted_name_imports_nothing_and_is_told_how_it_would(known: Any, place: str) -> None:
    foreign = {"_target_": "stars.star"}
    (error,) = known.shapes.mistakes(foreign if place == "part" else circle(fill=foreign))
    assert "names 'stars.star'" in error.what
    assert error.mend == "'extensions=[stars]'"
    assert "stars" not in sys.modules
    with pytest.raises(UserError, match=r"extensions=\[shapes\.round\]"):
        known.shapes.build({"_target_": "shapes.round.circle", "radius": 1.0}, "cm")


def test_a_part_of_an_imported_module_bears_its_modules_name(known: Any) -> None:
    import_extensions(["stars"])
    assert known.shapes.names() == ["circle", "long_rectangle", "stars.star"]
    assert known.shapes.build({"_target_": "stars.star", "points": 7}, "cm") == "7 cm"
    assert told(known.shapes, {"_target_": "stars.star", "points": 0.5}) == ["shape.points=0.5 is not a whole number"]
    assert told(known.shapes, {"_target_": "star"}) == ["shape._target_=star is unknown"]


def test_an_extension_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="extensions names no_such_module, which cannot be imported"):
        import_extensions(["no_such_module"])


def test_a_part_declares_traits_of_itself(known: Any) -> None:
    assert known.shapes.traits(circle()) == "has no corners"
    assert known.shapes.traits({"_target_": "long_rectangle"}) is None
    with pytest.raises(UserError, match="is unknown"):
        known.shapes.traits({"_target_": "square"})
