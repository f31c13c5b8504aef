"""Reads the tensors of a file of weights: torch's, its older format, or safetensors; nested as they may be."""

import argparse
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from src.foundation.errors import UserError
from src.foundation.tensor_files import DamagedFileError, check_archive, first_line, not_finite

State = dict[str, Tensor]
ENDINGS = (".pth", ".pt", ".bin", ".safetensors", ".ckpt", ".tar", ".pkl")
ALLOWED: list[Any] = [argparse.Namespace]
"""Harmless kinds beside tensors: the options of the training, which many checkpoints hold."""


def names_a_file(weights: str) -> bool:
    """Whether ``model.weights`` names a file, and no weights of the hub."""
    return Path(weights).is_file() or "/" in weights or weights.lower().endswith(ENDINGS)


def read_weights(path: Path) -> State:
    """Read the tensors of ``path`` by dotted names, in the file's order, without running anything in it.

    Dictionaries in dictionaries become dotted names: ``state_dict.conv1.weight``.

    Raises:
        UserError: no such file, a damaged one or another kind of file.
    """
    if not path.is_file():
        raise UserError(f"there is no file of weights {path}", mend="model.weights=FILE, or model.weights=null")
    try:
        content = _load(path)
    except UserError:
        raise
    except Exception as error:  # torch and safetensors raise many kinds for a file that is none of theirs
        raise UserError(
            f"{path} cannot be read as weights", first_line(error),
            "copy it again; a file that holds more than tensors and plain values has to be saved anew without the rest",
        ) from error  # fmt: skip
    state = dict(_tensors(content, ""))
    if not state:
        raise UserError(f"{path} holds no tensors by name", f"it holds a {type(content).__name__}")
    return state


def keeps_order(path: Path) -> bool:
    """Whether a file lists tensors in the order in which the network has them; safetensors sorts them."""
    return path.suffix != ".safetensors"


def refuse_not_finite(state: Mapping[str, Tensor], path: Path) -> None:
    """Raise UserError where a tensor of the file ``path`` is complex, NaN or infinite."""
    for name, value in state.items():
        if fault := not_finite(value):
            raise UserError(
                f"weights that are not finite are not to be used: {path}",
                f"{name} {fault}: its training diverged, or the file is damaged",
                "take another file",
            )


def _load(path: Path) -> Any:
    if path.suffix == ".safetensors":
        from safetensors.torch import load_file

        return load_file(path)
    if path.stat().st_size == 0:
        raise DamagedFileError("it is empty")
    if zipfile.is_zipfile(path):  # not the format of torch before 1.6, which has no checksums
        check_archive(path)
    with torch.serialization.safe_globals(ALLOWED):
        return torch.load(path, map_location="cpu", weights_only=True)


def _tensors(content: Any, above: str) -> Iterator[tuple[str, Tensor]]:
    """Yield tensors by dotted names; what holds none, such as numbers and options, is left out."""
    stack: list[tuple[str, Any]] = [(above, content)]
    while stack:
        name, value = stack.pop()
        if isinstance(value, Tensor):
            yield name, value.detach()
        elif isinstance(value, Mapping):
            inner = [(f"{name}.{key}" if name else str(key), each) for key, each in value.items()]
            stack.extend(reversed(inner))
