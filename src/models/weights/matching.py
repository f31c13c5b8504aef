"""Finds the tensors of a file that a network asks for: by name, or by order and shape."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

Shapes = Mapping[str, tuple[int, ...]]
COUNTER = "num_batches_tracked"
"""The last word of a counter of batches, which files of old versions of torch lack and nothing depends on."""
AVERAGED = ("ema", "teacher")
"""Words in the names of averaged weights, which are the better ones where a file holds both."""
KINDS = {"weight", "bias", "running_mean", "running_var"}


@dataclass(frozen=True)
class Match:
    """Which of a file's tensors are a network's.

    Args:
        found: the network's names, to the file's.
        prefix: what stands before the network's names in the file.
        wrong: a line for each tensor that does not fit.
        left_over: the file's names that nothing asked for, without the prefix; those outside it are not among them.
    """

    found: Mapping[str, str]
    prefix: str = ""
    wrong: list[str] = field(default_factory=list)
    left_over: list[str] = field(default_factory=list)


def match_by_name(wanted: Shapes, state: Mapping[str, Tensor]) -> Match:
    """Match tensors by name, after the prefix under which the file has most of ``wanted``."""
    prefix = _prefix(wanted, state)
    under = {plain(name.removeprefix(prefix)): name for name in state if name.startswith(prefix)}
    own = _common_prefix(wanted)
    names = {name: plain(name.removeprefix(own)) for name in wanted}
    found = {name: under[key] for name, key in names.items() if key in under}
    wrong = [
        f"{found[name]} is {_shape(state[found[name]].shape)}, not {_shape(shape)}"
        for name, shape in wanted.items()
        if name in found and tuple(state[found[name]].shape) != shape
    ]
    missing = [name for name in wanted if name not in found and not name.endswith(COUNTER)]
    wrong += [f"{names[name]} {_shape(wanted[name])} is missing" for name in missing]
    used = set(found.values())
    return Match(found, prefix, wrong, [name.removeprefix(prefix) for name in under.values() if name not in used])


def match_by_order(wanted: Shapes, state: Mapping[str, Tensor]) -> Match:
    """Match tensors one by one in the order in which network and file have them; the file may have more at its end."""
    names = [name for name in wanted if not name.endswith(COUNTER)]
    theirs = [name for name in state if not name.endswith(COUNTER)]
    wrong = [
        f"number {number} is {other} {_shape(state[other].shape)}, not {name} {_shape(wanted[name])}"
        for number, (name, other) in enumerate(zip(names, theirs, strict=False), start=1)
        if tuple(state[other].shape) != wanted[name] or _other_kind(name, other)
    ]
    wrong += [f"{name} {_shape(wanted[name])} is beyond the file's {len(theirs)}" for name in names[len(theirs) :]]
    return Match(dict(zip(names, theirs, strict=False)), "", wrong, theirs[len(names) :])


def plain(name: str) -> str:
    """Write a name so that timm's networks and its lists of features, ``stages_0`` for ``stages.0``, agree."""
    return name.replace("_", ".")


def _prefix(wanted: Shapes, state: Mapping[str, Tensor]) -> str:
    """Return what stands before most of the wanted names in the file, tensors of the right shape first."""
    own = _common_prefix(wanted)
    shapes = {plain(name.removeprefix(own)): shape for name, shape in wanted.items()}
    votes: Counter[str] = Counter()
    for name, value in state.items():
        for prefix in _prefixes(name):
            shape = shapes.get(plain(name[len(prefix) :]))
            if shape is not None:
                votes[prefix] += 1 + (shape == tuple(value.shape))
    return max(votes, key=lambda p: (votes[p], any(word in p for word in AVERAGED), -len(p)), default="")


def _prefixes(name: str) -> list[str]:
    """List all that may stand before a name in ``name``: ``""``, ``"a."``, ``"a.b."`` for ``a.b.c``."""
    words = name.split(".")
    return ["".join(f"{word}." for word in words[:count]) for count in range(len(words))]


def _common_prefix(names: Iterable[str]) -> str:
    """Return the words, each with its dot, with which all names begin."""
    shared: list[str] | None = None
    for name in names:
        words = name.split(".")[:-1]
        if shared is None:
            shared = words
        count = next((i for i, (a, b) in enumerate(zip(shared, words, strict=False)) if a != b), None)
        shared = shared[: min(len(shared), len(words)) if count is None else count]
    return "".join(f"{word}." for word in shared or [])


def _other_kind(name: str, other: str) -> bool:
    """Whether the last words of two names say that they are different things: a weight and a bias."""
    mine, theirs = name.rpartition(".")[2], other.rpartition(".")[2]
    return mine in KINDS and theirs in KINDS and mine != theirs


def _shape(shape: Iterable[int]) -> str:
    return "x".join(map(str, shape)) or "a number"
