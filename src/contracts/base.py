"""A contract: the properties that a kind of part must have, and what a check found of each."""

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
"""Characters of an error that are printed."""
S = TypeVar("S")
Check = Callable[[S], str | None]
"""Checks a property of a subject: raises DoesNotHoldError, or returns a remark."""
Verdict = Literal["ok", "note", "does not hold", "not checked"]


class DoesNotHoldError(Exception):
    """A property does not hold; the message says what was seen."""


class DoesNotApplyError(Exception):
    """A property cannot be asked of this part; the message says why."""


@dataclass(frozen=True)
class Finding:
    """The outcome of checking one property.

    Args:
        name: short name of the property.
        expected: the property, as a sentence.
        verdict: whether it holds; a note is not a failure, and some need others to hold before they can be checked.
        seen: what was seen; a remark where the property holds.
        stated_in: file, line and name of the code that states the property.
    """

    name: str
    expected: str
    verdict: Verdict
    seen: str
    stated_in: str

    def __str__(self) -> str:
        """Format a property that holds in one line; otherwise add what was seen and where the contract is."""
        line = f"  {self.verdict:<13}  {self.expected}"
        if self.verdict in ("ok", "not checked"):
            return f"{line} ({self.seen})" if self.seen else line
        return f"\n{'':17}".join((line, f"seen:     {self.seen}", f"contract: {self.stated_in}"))


@dataclass(frozen=True)
class Property(Generic[S]):
    """One property of a contract.

    Args:
        check: checks it; its docstring is the sentence that is printed.
        stated_in: function or class that states it.
        note: whether a part may lack it.
        required: whether the properties after it cannot be checked without it.
    """

    check: Check[S]
    stated_in: Any
    note: bool = False
    required: bool = False

    @property
    def sentence(self) -> str:
        """The property, as a sentence."""
        return " ".join((inspect.getdoc(self.check) or self.check.__name__).split())


@dataclass(frozen=True)
class Contract(Generic[S]):
    """The properties of one kind of part.

    Args:
        build: makes the subject of the checks from a part's configuration.
        stated_in: function or class that states how such a part is built.
        properties: the properties, in the order in which they are checked.
    """

    build: Callable[[Mapping[str, Any]], S]
    stated_in: Any
    properties: list[Property[S]] = field(default_factory=list)

    def property(self, stated_in: Any, note: bool = False, required: bool = False) -> Callable[[Check[S]], Check[S]]:
        """Add the decorated check to the properties."""

        def add(check: Check[S]) -> Check[S]:
            self.properties.append(Property(check, stated_in, note, required))
            return check

        return add

    def findings(self, config: Mapping[str, Any], trace: bool = False) -> Iterator[Finding]:
        """Check every property of the part that ``config`` describes; ``trace`` prints the traces of exceptions."""
        subjects: list[S] = []

        def builds(config: Mapping[str, Any]) -> None:
            """It can be built from its options"""
            subjects.append(self.build(config))

        yield _finding(Property(builds, self.stated_in), config, 0, trace)
        for number, one in enumerate(self.properties if subjects else [], start=1):
            finding = _finding(one, subjects[0], number, trace)
            yield finding
            if one.required and finding.verdict == "does not hold":
                yield from (_not_checked(other) for other in self.properties[number:])
                return


def _finding(one: Property[S], subject: S, seed: int, trace: bool) -> Finding:
    """Check a property under a seed of its own, so that what is built anew has other random weights."""
    verdict: Verdict = "note" if one.note else "does not hold"
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(seed)
            seen, verdict = one.check(subject) or "", "ok"
    except DoesNotApplyError as error:
        seen, verdict = str(error), "ok"
    except Exception as error:
        if trace and not isinstance(error, DoesNotHoldError):
            traceback.print_exc()
        seen = in_a_line(error)
    return Finding(one.check.__name__, one.sentence, verdict, seen, where_stated(one.stated_in))


def _not_checked(one: Property[S]) -> Finding:
    return Finding(one.check.__name__, one.sentence, "not checked", "", where_stated(one.stated_in))


def where_stated(stated_in: Any) -> str:
    """Return file, line and name of a function, class, method or property."""
    stated_in = stated_in.fget if isinstance(stated_in, property) else stated_in
    path = Path(inspect.getsourcefile(stated_in) or "")
    place = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    return f"{place}:{inspect.getsourcelines(stated_in)[1]}, {stated_in.__qualname__}"


def in_a_line(error: Exception) -> str:
    """Format an exception in one line: what was seen where that is its message, else its type and message."""
    text = f"{error.what}: {error.why}" if isinstance(error, UserError) and error.why else str(error)
    text = " ".join(text.split())
    text = text if isinstance(error, DoesNotHoldError) else f"raised {type(error).__name__}: {text}"
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
