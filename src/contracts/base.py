"""What a contract is: properties of a kind of part, each told in a sentence, and what was found of them."""

import inspect
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import torch

from src.foundation.errors import UserError

ROOT = Path(__file__).resolve().parent.parent.parent
LONGEST = 300
S = TypeVar("S")


class DoesNotHoldError(Exception):
    """A property does not hold; the message says what was seen."""


class DoesNotApplyError(Exception):
    """A property says nothing of this part; the message says why."""


@dataclass(frozen=True)
class Finding:
    """What was found of one property.

    Args:
        name: short name of the property.
        expected: the property in a sentence.
        verdict: whether it holds; a note is no failure.
        seen: what was seen, if there is something to say.
        written: file and name of what states the contract.
    """

    name: str
    expected: str
    verdict: Literal["ok", "note", "does not hold"]
    seen: str
    written: str

    def __str__(self) -> str:
        """Tell a property that holds in one line, any other with what was seen and where the contract is written."""
        if self.verdict == "ok":
            return f"  ok             {self.expected}" + (f" ({self.seen})" if self.seen else "")
        lines = (f"  {self.verdict:<13}  {self.expected}", f"seen:     {self.seen}", f"contract: {self.written}")
        return f"\n{'':17}".join(lines)


@dataclass(frozen=True)
class Property(Generic[S]):
    """One property: raises DoesNotHoldError, or says what else is worth knowing.

    Args:
        look: what looks at it; its docstring is the sentence.
        written: function or class that states the contract.
        note: whether it is no failure where it does not hold.
        needed: whether nothing else can be looked at where it does not hold.
    """

    look: Callable[[S], str | None]
    written: Any
    note: bool = False
    needed: bool = False


@dataclass(frozen=True)
class Contract(Generic[S]):
    """The properties of one kind of part.

    Args:
        build: makes what is looked at from a configuration of the part.
        written: what builds such parts.
    """

    build: Callable[[Mapping[str, Any]], S]
    written: Any
    properties: list[Property[S]] = field(default_factory=list)

    def states(
        self, written: Any, note: bool = False, needed: bool = False
    ) -> Callable[[Callable[[S], str | None]], Callable[[S], str | None]]:
        """Make a function one of the properties, in the order in which they are written."""

        def add(look: Callable[[S], str | None]) -> Callable[[S], str | None]:
            self.properties.append(Property(look, written, note, needed))
            return look

        return add

    def findings(self, config: Mapping[str, Any], trace: bool = False) -> Iterator[Finding]:
        """Look at every property of the part that ``config`` describes; with ``trace``, exceptions print theirs."""
        built: list[S] = []

        def builds(config: Mapping[str, Any]) -> None:
            """It is built from its options"""
            built.append(self.build(config))

        yield _found(Property(builds, self.written), config, trace, seed=0)
        for index, one in enumerate(self.properties if built else []):
            finding = _found(one, built[0], trace, seed=index + 1)
            yield finding
            if one.needed and finding.verdict == "does not hold":
                left = len(self.properties) - index - 1
                why = f"{left} more properties cannot be looked at"
                yield Finding("rest", "Every property is looked at", "does not hold", why, finding.written)
                return


def _found(one: Property[S], subject: S, trace: bool, seed: int) -> Finding:
    """Look at a property, with random numbers that no other has seen, and catch what the part raises."""
    verdict: Literal["ok", "note", "does not hold"] = "note" if one.note else "does not hold"
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(seed)
            seen, verdict = one.look(subject) or "", "ok"
    except DoesNotApplyError as error:
        seen, verdict = str(error), "ok"
    except DoesNotHoldError as error:
        seen = str(error)
    except Exception as error:
        if trace:
            traceback.print_exc()
        seen = f"raised {type(error).__name__}: {_in_a_line(error)}"
    sentence = inspect.getdoc(one.look) or one.look.__name__
    return Finding(one.look.__name__, " ".join(sentence.split()).rstrip("."), verdict, seen, where_written(one.written))


def where_written(stated: Any) -> str:
    """Name file, line and name of a function, class, method or property."""
    stated = stated.fget if isinstance(stated, property) else stated
    path = Path(inspect.getsourcefile(stated) or "")
    place = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"{place}:{inspect.getsourcelines(stated)[1]}, {stated.__qualname__}"


def _in_a_line(error: Exception) -> str:
    text = f"{error.what}: {error.why}" if isinstance(error, UserError) and error.why else str(error)
    text = " ".join(text.split())
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
