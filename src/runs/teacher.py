"""A teacher, wherever it comes from: a run, a file of weights, or a library of networks."""

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from src.distillation.levels import Levels, read_levels
from src.distillation.setup import TeacherNetwork
from src.foundation.errors import UserError
from src.foundation.tensor_files import checksum
from src.models.base import MODELS, MultiTaskNetwork, build_network
from src.runs.finite_weights import refuse_not_finite
from src.runs.network_file import load_network, read_network_file, rebuild
from src.runs.record import Run, read_run
from src.training.checkpoints import AtomicCheckpoints

Size = tuple[int, int]


@dataclass(frozen=True)
class Teacher:
    """A network to learn from.

    Args:
        entry: the value of the config's ``teacher.NAME`` that names exactly this teacher.
        digest: identifies the teacher in the digest of a student's run.
        open: loads the network.
        size: height and width to which its images are resized, where they are not the student's.
        levels: student level -> teacher level, where they are not the student's usual ones.
        features_only: whether it has no task, so that levels it lacks are left out.
        run: the run that trained it, where it comes from one.
        differs: training settings in which that run differs from the student, by dotted key.
        remark: what a user should know of it.
        file: the file of its weights, where they are one of this project's; teachers of one file are one network.
        tasks: the tasks that the network solves, as far as they are known.
    """

    entry: Any
    digest: str
    open: Callable[[], MultiTaskNetwork]
    size: Size | None = None
    levels: Levels | None = None
    features_only: bool = False
    run: Run | None = None
    differs: Mapping[str, Any] = field(default_factory=dict)
    remark: str = ""
    file: Path | None = None
    tasks: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Name its origin, and how long and how well it was trained."""
        return f"{self.entry}{f' ({self.remark})' if self.remark else ''}"

    @property
    def proxy_of(self) -> str | None:
        """The method by which a network of several tasks was trained, which is a baseline of none; else None."""
        if len(self.tasks) < 2:
            return None
        if self.run is None:
            return Path(str(self.file)).name
        names = self.run.record["names"]
        method = f"distillation={names['distillation']}, loss_weights={names['loss_weights']}"
        return str(self.run.record.get("label") or method)


def load_teachers(teachers: Mapping[str, Teacher]) -> dict[str, TeacherNetwork]:
    """Load the networks, with size and levels for a regime of distillation; several teachers of one file share one."""
    opened: dict[Path, MultiTaskNetwork] = {}
    loaded = {}
    for name, teacher in teachers.items():
        network = opened.get(teacher.file) if teacher.file else None
        network = network if network is not None else teacher.open()
        if teacher.file:
            opened[teacher.file] = network
        loaded[name] = TeacherNetwork(network, teacher.size, teacher.levels, teacher.features_only)
    return loaded


def with_levels(teacher: Teacher, levels: Any) -> Teacher:
    """Return a teacher with levels of its own, where ``levels`` are given."""
    if levels is None:
        return teacher
    entry = teacher.entry if isinstance(teacher.entry, Mapping) else {"from": teacher.entry}
    digest = f"{teacher.digest}:{json.dumps(levels, default=str)}"
    return replace(teacher, entry=dict(entry) | {"levels": levels}, digest=digest, levels=read_levels(levels))


def teacher_from_run(run: Run, size: Any, differs: Mapping[str, Any], remark: str) -> Teacher:
    """Return the teacher of a run directory; ``size`` is the student's images' height and width."""
    own = run.record["dataset"]["size"]
    return Teacher(
        str(run.path),
        run.digest,
        lambda: load_network(run.path / "weights.pt")[0],
        None if list(own) == list(size) else (own[0], own[1]),
        run=run,
        differs=differs,
        remark=remark,
        file=(run.path / "weights.pt").resolve(),
        tasks=tuple(run.record["task_configs"]),
    )


def teacher_from_file(name: str, path: Path, dataset: Mapping[str, Any]) -> Teacher:
    """Return the teacher of a weights file, or of a checkpoint in the run directory that wrote it.

    Raises:
        UserError: no such file, not one of this project, or a network of another task or other classes.
    """
    if path.suffix == ".ckpt":
        return _from_checkpoint(name, path, dataset)
    metadata = read_network_file(path)["metadata"]
    _check_kind(name, path, metadata["tasks"], metadata["dataset"], dataset)
    size = _other_size(metadata["dataset"], dataset)
    return Teacher(
        str(path), checksum(path), lambda: load_network(path)[0], size,
        file=path.resolve(), tasks=tuple(metadata["tasks"]),
    )  # fmt: skip


def teacher_from_library(
    name: str, entry: Mapping[str, Any], model_option: Callable[[str], Mapping[str, Any]]
) -> Teacher:
    """Build a network without a task from an option of ``model`` and its values, such as one of timm's.

    Args:
        name: of the teacher.
        entry: ``network``, the option of ``model``, and values for it, ``size`` among them.
        model_option: returns the configuration of an option of ``model``; raises UserError for an unknown one.

    Raises:
        UserError: no such option of ``model``, or values that it does not take.
    """
    option, size = entry["network"], entry.get("size")
    values = {key: value for key, value in entry.items() if key not in ("network", "size")}
    model = {**model_option(str(option)), **values}
    if mistakes := MODELS.mistakes(model, f"teacher.{name}"):
        raise UserError(f"teacher.{name} cannot be built: {mistakes[0].what}", mistakes[0].why, mistakes[0].mend)
    weights = values.get("weights")
    content = checksum(Path(weights)) if isinstance(weights, str) and Path(weights).is_file() else None
    described = model | {"weights": None} if content else model  # the file's content, wherever it lies
    digest = f"{zlib.crc32(json.dumps([described, size, content]).encode()):08x}"
    own = read_size(f"teacher.{name}.size", size) if size is not None else None

    def open_library() -> MultiTaskNetwork:
        network = build_network(model, {})
        refuse_not_finite(network.state_dict(), Path(str(weights)))
        return network

    return Teacher(dict(entry), digest, open_library, own, features_only=True)


def read_size(key: str, size: Any) -> Size:
    """Read height and width; raises UserError for anything but two positive whole numbers."""
    if isinstance(size, list) and len(size) == 2 and all(isinstance(n, int) and n > 0 for n in size):
        return size[0], size[1]
    raise UserError(f"{key}={size} is no image size", "it is [height, width]", f"'{key}=[96,128]'")


def _from_checkpoint(name: str, path: Path, dataset: Mapping[str, Any]) -> Teacher:
    """Return the teacher of a checkpoint, which the record of its run directory describes."""
    try:
        record = read_run(path.parent.parent).record
    except UserError as error:
        raise UserError(
            f"teacher.{name}={path} is no checkpoint in a run directory",
            f"the record of the run directory describes the network, and {error.what}",
            f"teacher.{name}=RUN_DIRECTORY, or the weights.pt in it",
        ) from error
    if not path.is_file():
        raise UserError(f"teacher.{name}={path} is not there", mend=f"teacher.{name}=RUN_DIRECTORY")
    _check_kind(name, path, record["task_configs"], record["dataset"], dataset)

    def open_checkpoint() -> MultiTaskNetwork:
        state, prefix = AtomicCheckpoints().load_checkpoint(path, map_location="cpu")["state_dict"], "network."
        weights = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
        return rebuild(record["model"], record["task_configs"], weights, path, record.get("input"))[0]

    return Teacher(
        str(path), checksum(path), open_checkpoint, _other_size(record["dataset"], dataset),
        file=path.resolve(), tasks=tuple(record["task_configs"]),
    )  # fmt: skip


def _check_kind(name: str, path: Path, tasks: Mapping[str, Any], own: Any, dataset: Mapping[str, Any]) -> None:
    """Raise UserError unless a network solves task ``name`` on the student's dataset and classes."""
    if name not in tasks:
        raise UserError(f"teacher.{name}={path} is not a teacher of {name}", f"it solves {', '.join(tasks)}")
    for key in ("name", "classes", "label"):
        if own.get(key) != dataset.get(key):
            raise UserError(f"teacher.{name}={path} does not fit", f"{key} is {own.get(key)}, not {dataset[key]}")


def _other_size(own: Mapping[str, Any], dataset: Mapping[str, Any]) -> Size | None:
    height, width = own["size"]
    return None if [height, width] == list(dataset["size"]) else (height, width)
