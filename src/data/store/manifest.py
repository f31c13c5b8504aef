"""The description of a packed store: ``manifest.json``."""

import json
import re
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from src.data.files.opening import reachable, require_regular, unreadable
from src.data.store.statistics import MapStatistics
from src.foundation.errors import UserError
from src.foundation.validation import validated
from src.modalities.base import Modality
from src.modalities.known import IMAGE, NORMAL, depth_in

FORMAT = 2
READABLE = (1, FORMAT)
"""Format 1 knew images, label sets, depth and normals only."""
MANIFEST = "manifest.json"
CONTACT_SHEET = "contact_sheet.png"


@dataclass(frozen=True)
class ArrayFile:
    """One .npy file of a store; ``crc32`` is of the whole file, -1 while it is being written."""

    file: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    crc32: int = -1


@dataclass(frozen=True)
class Split:
    """The frames of a split, in order, and one array per modality whose rows they are."""

    count: int
    frames: tuple[str, ...]
    arrays: dict[str, ArrayFile]


@dataclass(frozen=True)
class Manifest:
    """Contents of a store: size (H, W), modalities by name, source, splits, and what was measured of each by split."""

    format: int
    dataset: str
    size: tuple[int, int]
    modalities: dict[str, Modality]
    source: str
    splits: dict[str, Split]
    statistics: dict[str, dict[str, MapStatistics]] = field(default_factory=dict)

    def to_json(self) -> str:
        """Write the manifest as JSON."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Read a manifest; raises KeyError, TypeError or ValueError for anything else."""
        raw = json.loads(text)
        if not isinstance(raw, dict):
            raise TypeError(f"it holds {json.dumps(raw)[:20]}, not a mapping")
        if raw["format"] not in READABLE:
            raise ValueError(f"it has format {raw['format']}, this version reads up to format {FORMAT}")
        return cls(
            format=raw["format"],
            dataset=raw["dataset"],
            size=_pair(raw["size"]),
            modalities=_modalities(raw),
            source=raw["source"],
            splits={name: _split(value) for name, value in raw["splits"].items()},
            statistics={name: _statistics(value) for name, value in raw.get("statistics", {}).items()},
        )

    def without_checksums(self) -> "Manifest":
        """Return the manifest as it was before the arrays were filled."""
        splits = {
            name: replace(split, arrays={key: replace(file, crc32=-1) for key, file in split.arrays.items()})
            for name, split in self.splits.items()
        }
        return replace(self, splits=splits, statistics={})

    def with_measured(self, modalities: dict[str, Modality]) -> "Manifest":
        """Return the manifest with what was measured of ``modalities``, where it declares the same."""
        taken = {
            name: replace(own, weights=modalities[name].weights, shown=own.shown or modalities[name].shown)
            if name in modalities
            else own
            for name, own in self.modalities.items()
        }
        return replace(self, modalities=taken)


def differences(stored: Manifest, asked: Manifest) -> list[str]:
    """Describe how the store ``stored`` differs from ``asked``; empty where it does not."""
    found = []
    for key, word in (("dataset", "dataset"), ("size", "size"), ("source", "source")):
        old, new = getattr(stored, key), getattr(asked, key)
        if old != new:
            found.append(f"{word}: stored is <{_show(old)}>, requested is <{_show(new)}>")
    asked = asked.with_measured(stored.modalities)
    for name in stored.modalities.keys() & asked.modalities.keys():
        found += _changed(stored.modalities[name], asked.modalities[name])
    for name in sorted(stored.splits.keys() | asked.splits.keys()):
        if name not in stored.splits or name not in asked.splits:
            found.append(f"split {name}: in one of them only")
        elif stored.splits[name].frames != asked.splits[name].frames:
            counts = stored.splits[name].count, asked.splits[name].count
            found.append(f"{name}: {counts[0]} frames stored, {counts[1]} requested")
        elif stored.splits[name].arrays.keys() != asked.splits[name].arrays.keys():
            found.append(
                f"{name}: {', '.join(stored.splits[name].arrays)} stored,"
                f" {', '.join(asked.splits[name].arrays)} requested"
            )
    if not found and stored.without_checksums() != asked.without_checksums():
        found.append("types of the arrays")
    return found


def prepare_command(root: Path, dataset: str = "", size: tuple[int, int] | None = None, more: str = "") -> str:
    """Return the command that prepares the store ``root``, from its name where nothing else is known."""
    match = re.fullmatch(r"(.+)-(\d+)x(\d+)", root.name)
    if match:
        dataset, size = dataset or match[1], size or (int(match[2]), int(match[3]))
    own = match is None and dataset in ("", root.name)  # a store of this name is made of a folder that describes itself
    parts = ["python -m src.prepare", "dataset=folder source=DIR" if own else f"dataset={dataset or root.name}"]
    if own and root.name:
        parts.append(f"dataset.name={root.name}")
    if size is not None:
        parts.append(f"'dataset.size=[{size[0]},{size[1]}]'")
    if root.parent != Path("data"):
        parts.append(f"'paths.data={root.parent}'")
    return " ".join([*parts, more]).strip()


def read_manifest(root: Path) -> Manifest:
    """Read the manifest of the store ``root``; raises UserError where there is none that can be read."""
    path = root / MANIFEST
    mend = prepare_command(root)
    if not reachable(path):
        what = f"{root} holds no {MANIFEST}" if root.is_dir() else f"there is no packed store {root}"
        raise UserError(what, "the dataset is not prepared at this size, or elsewhere", mend)
    require_regular(path)
    try:
        return Manifest.from_json(path.read_text())
    except OSError as error:
        raise unreadable(path, error) from error
    except RecursionError as error:
        raise UserError(f"{path} cannot be read", "it is nested too deeply", mend) from error
    except KeyError as error:
        raise UserError(f"{path} cannot be read", f"it has no {error}", mend) from error
    except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as error:
        raise UserError(f"{path} cannot be read", str(error) or type(error).__name__, mend) from error


def _show(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _pair(value: list[int]) -> tuple[int, int]:
    height, width = value
    return int(height), int(width)


def _changed(stored: Modality, asked: Modality) -> list[str]:
    """Describe what a modality is otherwise; long values are not repeated."""
    changed = [key for key, value in asdict(stored).items() if value != getattr(asked, key)]
    short = {"names", "colours", "weights"}
    return [
        f"{key} of {stored.name}"
        + ("" if key in short else f": stored is <{getattr(stored, key)}>, requested is <{getattr(asked, key)}>")
        for key in changed
    ]


def _modalities(raw: dict[str, Any]) -> dict[str, Modality]:
    """Read modalities; those of format 1 are what their names said."""
    if raw["format"] == 1:
        names = {name for split in raw["splits"].values() for name in split["arrays"]}
        return {name: _of_format_1(name, raw) for name in sorted(names)}
    found = {}
    for name, value in raw["modalities"].items():
        modality, mistakes = validated(Modality, value, f"modalities.{name}")
        if modality is None:
            raise ValueError(mistakes[0].what)
        if modality.name != name:
            raise ValueError(f"modalities.{name} bears the name {modality.name}")
        found[name] = modality
    return found


def _of_format_1(name: str, raw: dict[str, Any]) -> Modality:
    if name in raw["labels"]:
        label = raw["labels"][name]
        colours = tuple((int(r), int(g), int(b)) for r, g, b in label["colours"])
        return Modality(name=name, kind="classes", names=tuple(label["names"]), colours=colours)
    if name == "depth":
        return depth_in(raw["units"]["depth"])
    return {"image": IMAGE, "normal": NORMAL}[name]


def _statistics(raw: dict[str, Any]) -> dict[str, MapStatistics]:
    return {name: MapStatistics(**{**value, "classes": tuple(value["classes"])}) for name, value in raw.items()}


def _split(raw: dict[str, Any]) -> Split:
    arrays = {name: ArrayFile(**{**value, "shape": tuple(value["shape"])}) for name, value in raw["arrays"].items()}
    return Split(raw["count"], tuple(raw["frames"]), arrays)
