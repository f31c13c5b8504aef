"""Loads a file of weights into a part of a network, and says what of it was used."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor

from src.foundation.errors import UserError
from src.models.weights.matching import Match, match_by_name, match_by_order, plain
from src.models.weights.reading import State, keeps_order, read_weights, refuse_not_finite

Matching = Annotated[
    Literal["name", "order"],
    Field(description="how the tensors of a file are found: by name, or by order and shape under any names"),
]
Convert = Callable[[State], State]
CLASSIFIERS = ("fc", "head", "head_dist", "classifier", "last_linear", "pre_logits", "norm", "fc_norm", "global_pool")
"""First words of the names of what comes after a network's last feature."""
FEW = 5
"""Most differences that are told."""


def load_weights(
    targets: Sequence[Mapping[str, Tensor]],
    path: Path,
    who: str,
    match: Matching = "name",
    unused: Collection[str] = (),
    convert: Convert | None = None,
) -> str:
    """Copy a file's tensors into a network's, all of them, and return a line that says what was read.

    Args:
        targets: the network's tensors by name; where the file may name and hold them in several ways, one for each,
            of which the first that fits is taken.
        path: the file.
        who: what the network is called.
        match: by name, or by order and shape.
        unused: names, or their first words, of tensors that the file may have beyond the network's.
        convert: maps a file of other names or sizes to the network's, tried where names do not fit.

    Raises:
        UserError: an unreadable file, or tensors that do not fit.
    """
    state = read_weights(path)
    if match == "order":
        return _by_order(targets[0], state, path, who)
    attempts = [(target, state, match_by_name(_shapes(target), state)) for target in targets]
    if convert is not None and attempts[0][2].wrong and (converted := _converted(convert, state)):
        attempts.append((targets[0], converted, match_by_name(_shapes(targets[0]), converted)))
    known = [plain(word) for word in (*CLASSIFIERS, *unused)]
    strange = [[name for name in found.left_over if not _begins(name, known)] for _, _, found in attempts]
    wrong = [
        [*found.wrong, *(f"{n} is not of it" for n in more)]
        for (*_, found), more in zip(attempts, strange, strict=True)
    ]
    best = min(range(len(attempts)), key=lambda number: len(wrong[number]))
    target, tensors, found = attempts[best]
    if wrong[best]:
        raise _does_not_fit(path, who, wrong[best], len(found.found), len(target))
    return _copy(target, tensors, found, path)


def _by_order(target: Mapping[str, Tensor], state: State, path: Path, who: str) -> str:
    if not keeps_order(path):
        raise UserError(
            f"the tensors of {path} cannot be matched by their order",
            "safetensors sorts them by name, so the order of the network is lost",
            "model.match=name, or the same weights as torch saves them (.pth)",
        )
    found = match_by_order(_shapes(target), state)
    if found.wrong:
        raise _does_not_fit(path, who, found.wrong, len(found.found), len(target))
    return _copy(target, state, found, path)


def _does_not_fit(path: Path, who: str, wrong: Sequence[str], found: int, asked: int) -> UserError:
    more = f"; and {len(wrong) - FEW} more" if len(wrong) > FEW else ""
    return UserError(
        f"the weights in {path} do not fit {who}",
        f"{found} of {asked} tensors have a partner in it; {'; '.join(wrong[:FEW])}{more}",
        "name the network that they are of\n"
        "model.match=order, where the file has the same tensors in the same order under other names\n"
        "model.weights=null, to begin with random ones",
    )


def _copy(target: Mapping[str, Tensor], state: State, found: Match, path: Path) -> str:
    """Copy what was found into the network, and say so."""
    taken = {name: state[theirs] for name, theirs in found.found.items()}
    refuse_not_finite({found.found[name]: value for name, value in taken.items()}, path)
    with torch.no_grad():
        for name, value in taken.items():
            target[name].copy_(value)
    asked = [name for name in target if name in taken or not name.endswith("num_batches_tracked")]
    told = f"{len(taken)} of {len(asked)} tensors of {path}"
    told += f", which has them under '{found.prefix}'" if found.prefix else ""
    outside = len(state) - len(taken) - len(found.left_over)
    if found.left_over:
        parts = sorted({name.partition(".")[0] for name in found.left_over})
        told += f"; passed over, after the last feature: {', '.join(parts[:FEW])}{', ...' if parts[FEW:] else ''}"
    return told + (f"; {outside} others are not of this part" if outside > 0 else "")


def _shapes(target: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in target.items()}


def _begins(name: str, words: Collection[str]) -> bool:
    own = plain(name)
    return any(own == word or own.startswith(f"{word}.") for word in words)


def _converted(convert: Convert, state: State) -> State | None:
    try:
        return {name: value for name, value in convert(dict(state)).items() if isinstance(value, Tensor)}
    except Exception:  # a converter of another library meets names that it does not know
        return None
