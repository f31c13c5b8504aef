"""A teacher, wherever it comes from: a run, a file of weights, or a library of networks."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from src.distillation.levels import Levels, read_levels
from src.errors import UserError
from src.models.base import MultiTaskNetwork
from src.runs.checkpoints import AtomicCheckpoints
from src.runs.record import Run, read_run
from src.runs.weights import load_network, read_weights, rebuild
from src.values import CONF

Size = tuple[int, int]


@dataclass(frozen=True)
class Teacher:
    """A network to learn from.

    Args:
        entry: what the config's ``teacher.NAME`` must say to get exactly this one again.
        mark: decides, with the config, what a student makes of it.
        open: loads the network.
        size: height and width of the images that it wants, where they are not the student's.
        levels: student level -> teacher level, where they are not the student's usual ones.
        features_only: whether it has no task, so that levels it lacks are left out.
    """

    entry: Any
    mark: str
    open: Callable[[], MultiTaskNetwork]
    size: Size | None = None
    levels: Levels | None = None
    features_only: bool = False

    def __str__(self) -> str:
        """Say where it comes from."""
        return str(self.entry)


def with_levels(teacher: Teacher, levels: Any) -> Teacher:
    """Give a teacher levels of its own, where ``levels`` says some."""
    if levels is None:
        return teacher
    entry = teacher.entry if isinstance(teacher.entry, Mapping) else {"from": teacher.entry}
    mark = f"{teacher.mark}:{json.dumps(levels, default=str)}"
    return replace(teacher, entry=dict(entry) | {"levels": levels}, mark=mark, levels=read_levels(levels))


def teacher_from_run(run: Run, size: Any) -> Teacher:
    """Take the network of a teacher's run directory; ``size`` is the student's images' height and width."""
    own = run.about["dataset"]["size"]
    return Teacher(
        str(run.path),
        str(run.about.get("fingerprint")),
        lambda: load_network(run.path / "weights.pt")[0],
        None if list(own) == list(size) else (own[0], own[1]),
    )


def teacher_from_file(name: str, path: Path, dataset: Mapping[str, Any]) -> Teacher:
    """Take the network of a weights file, or of a checkpoint in the run directory that wrote it.

    Raises:
        UserError: no such file, not one of ours, or a network of another task or other classes.
    """
    if path.suffix == ".ckpt":
        return _from_checkpoint(name, path, dataset)
    about = read_weights(path)["about"]
    _check_kind(name, path, about["tasks"], about["dataset"], dataset)
    return Teacher(str(path), _checksum(path), lambda: load_network(path)[0], _other_size(about["dataset"], dataset))


def teacher_from_library(name: str, entry: Mapping[str, Any]) -> Teacher:
    """Build a network without a task from an option of ``model`` and its values, such as one of timm's.

    Raises:
        UserError: no such option of ``model``, or values that it does not take.
    """
    option, size = entry["network"], entry.get("size")
    values = {key: value for key, value in entry.items() if key not in ("network", "size")}
    file = CONF / "model" / f"{option}.yaml"
    if not file.exists():
        known = ", ".join(sorted(path.stem for path in file.parent.glob("*.yaml")))
        raise UserError(f"teacher.{name} names the network '{option}'", f"options of model are {known}")
    config: Any = OmegaConf.to_container(OmegaConf.load(file))
    weights = values.get("weights")
    content = _checksum(Path(weights)) if isinstance(weights, str) and Path(weights).is_file() else None
    mark = json.dumps([config | values, size, content])

    def build() -> MultiTaskNetwork:
        try:
            return instantiate(config | values, outputs={})
        except InstantiationException as error:
            if isinstance(error.__cause__, TypeError):
                raise UserError(f"teacher.{name} cannot be built", str(error.__cause__)) from error
            raise

    own = read_size(f"teacher.{name}.size", size) if size is not None else None
    return Teacher(dict(entry), f"{zlib.crc32(mark.encode()):08x}", build, own, features_only=True)


def read_size(key: str, size: Any) -> Size:
    """Read height and width; raises UserError for anything but two positive whole numbers."""
    if isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) and n > 0 for n in size):
        return size[0], size[1]
    raise UserError(f"{key}={size} is no image size", "it is [height, width]", f"'{key}=[96,128]'")


def _from_checkpoint(name: str, path: Path, dataset: Mapping[str, Any]) -> Teacher:
    run = read_run(path.parent.parent)
    if not path.is_file() or run is None:
        raise UserError(
            f"teacher.{name}={path} is no checkpoint in a run directory",
            "the run's record beside it says what network it is of",
            f"+teacher.{name}=RUN_DIRECTORY, or the weights.pt in it",
        )
    about = run.about
    _check_kind(name, path, about["task_configs"], about["dataset"], dataset)

    def open_checkpoint() -> MultiTaskNetwork:
        state, prefix = AtomicCheckpoints().load_checkpoint(path, map_location="cpu")["state_dict"], "network."
        weights = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        return rebuild(about["model"], about["task_configs"], weights, path)[0]

    return Teacher(str(path), _checksum(path), open_checkpoint, _other_size(about["dataset"], dataset))


def _check_kind(name: str, path: Path, tasks: Mapping[str, Any], own: Any, dataset: Mapping[str, Any]) -> None:
    if name not in tasks:
        raise UserError(f"teacher.{name}={path} is not a teacher of {name}", f"it solves {', '.join(tasks)}")
    for key in ("name", "classes"):
        if own.get(key) != dataset[key]:
            raise UserError(f"teacher.{name}={path} does not fit", f"{key} is {own.get(key)}, not {dataset[key]}")


def _other_size(own: Mapping[str, Any], dataset: Mapping[str, Any]) -> Size | None:
    height, width = own["size"]
    return None if [height, width] == list(dataset["size"]) else (height, width)


def _checksum(path: Path) -> str:
    return f"{zlib.crc32(path.read_bytes()):08x}"
