"""Reading ``manifest.json``, of this version and the one before, and the command that makes it anew."""

import json
import re
from pathlib import Path
from typing import Any

from src.data.files.opening import reachable, require_regular, unreadable
from src.data.store.manifest import FORMAT, MANIFEST, ArrayFile, Manifest, Split
from src.data.store.statistics import MapStatistics
from src.foundation.errors import UserError
from src.foundation.validation import validated
from src.modalities.base import Modality
from src.modalities.known import IMAGE, NORMAL, depth_in

READABLE = (1, FORMAT)
"""Format 1 knew images, label sets, depth and normals only."""


def read_manifest(root: Path) -> Manifest:
    """Read the manifest of the store ``root``; raises UserError where there is none that can be read."""
    path = root / MANIFEST
    mend = prepare_command(root)
    if not reachable(path):
        what = f"{root} holds no {MANIFEST}" if root.is_dir() else f"there is no packed store {root}"
        raise UserError(what, "the dataset is not prepared at this size, or elsewhere", mend)
    require_regular(path)
    try:
        return manifest_from_json(path.read_text())
    except OSError as error:
        raise unreadable(path, error) from error
    except RecursionError as error:
        raise UserError(f"{path} cannot be read", "it is nested too deeply", mend) from error
    except KeyError as error:
        raise UserError(f"{path} cannot be read", f"it has no {error}", mend) from error
    except (TypeError, ValueError, AttributeError, ArithmeticError, LookupError) as error:
        raise UserError(f"{path} cannot be read", str(error) or type(error).__name__, mend) from error


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


def manifest_from_json(text: str) -> Manifest:
    """Read a manifest; raises KeyError, TypeError or ValueError for anything else."""
    raw = json.loads(text)
    if not isinstance(raw, dict):
        raise TypeError(f"it holds {json.dumps(raw)[:20]}, not a mapping")
    if raw["format"] not in READABLE:
        raise ValueError(f"it has format {raw['format']}, this version reads up to format {FORMAT}")
    return Manifest(
        format=FORMAT,
        dataset=raw["dataset"],
        size=_pair(raw["size"]),
        modalities=_modalities(raw),
        source=raw["source"],
        splits={name: _split(value) for name, value in raw["splits"].items()},
        statistics={name: _statistics(value) for name, value in raw.get("statistics", {}).items()},
    )


def _pair(value: list[int]) -> tuple[int, int]:
    height, width = value
    return int(height), int(width)


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
