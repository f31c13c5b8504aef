"""A tiny data set of one's own, in each layout: 20 pictures, six classes, a height map, edges, depth and normals."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

SIZE = (24, 32)
COUNT = 20
CLASSES = ("grass", "road", "house", "tree", "water", "car")
COLOURS = ((0, 160, 0), (90, 90, 90), (200, 60, 40), (0, 80, 30), (40, 80, 220), (240, 220, 0))
NAMES = tuple(f"{index:03d}" for index in range(COUNT))


def values(index: int) -> dict[str, np.ndarray]:
    """Return what a frame's maps mean: image, classes, metres of height, edges, metres of depth (NaN where there is
    none), unit normals."""
    generator = np.random.default_rng(index)
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
    label = (rows // 8 + columns // 8 + index) % len(CLASSES)
    height = np.where(label == 2, generator.integers(300, 900, SIZE), 0) / 100
    normal = generator.normal(size=(*SIZE, 3))
    depth = generator.uniform(1, 5, SIZE).astype(np.float32)
    depth[:3] = np.nan
    return {
        "image": generator.integers(0, 256, (*SIZE, 3)).astype(np.uint8),
        "label": label.astype(np.uint8),
        "height": height,
        "edges": (label != np.roll(label, 1, axis=1)).astype(np.uint8),
        "depth": depth,
        "normal": (normal / np.linalg.norm(normal, axis=-1, keepdims=True)).astype(np.float32),
    }


class _WithoutAliases(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def write_map(folder: Path, name: str, index: int) -> None:
    """Write a map of a frame as such data sets have it; ``label_rgb`` and ``mask`` follow from the others."""
    folder.mkdir(parents=True, exist_ok=True)
    kind = {"label_rgb": "label", "mask": "depth"}.get(name, name)
    value, path = values(index)[kind], folder / f"{NAMES[index]}.png"
    if name == "label":
        picture = Image.fromarray(value).convert("P")
        picture.putdata(value.ravel().tolist())
        picture.putpalette([channel for colour in COLOURS for channel in colour])
        picture.save(path)
    elif name == "label_rgb":
        Image.fromarray(np.array(COLOURS, np.uint8)[value]).save(path)
    elif name == "height":
        Image.fromarray((value * 100).round().astype(np.uint16)).save(path)
    elif name == "edges":
        Image.fromarray(value * 255).save(path)
    elif name == "mask":
        Image.fromarray(np.isfinite(value).astype(np.uint8) * 255).save(path)
    elif name == "depth":
        np.save(path.with_suffix(".npy"), np.nan_to_num(value, nan=7))  # the mask says where there is none
    elif name == "normal":
        Image.fromarray(((value + 1) * 127.5).round().astype(np.uint8)).save(path)
    else:
        Image.fromarray(value).save(path)


def write_frames(root: Path, place: str, maps: tuple[str, ...], frames: Mapping[str, range]) -> Path:
    """Write frames by split into ``root/place``, a pattern of {map} and {split}."""
    for split, indices in frames.items():
        for index in indices:
            for name in maps:
                write_map(root / place.format(map=name, split=split), name, index)
    return root


MAPS: dict[str, Any] = {
    "image": {"path": "image/{name}.png", "kind": "image"},
    "label": {"path": "label/{name}.png", "kind": "classes", "classes": list(CLASSES)},
    "height": {"path": "height/{name}.png", "kind": "scalar", "scale": 100, "unit": "m"},
    "edges": {"path": "edges/{name}.png", "kind": "binary", "resize": "any"},
}
SHARES = {"train": 0.6, "val": 0.2, "test": 0.2, "seed": 0}


def village(root: Path, maps: Mapping[str, Any] = MAPS, splits: Mapping[str, Any] = SHARES, **more: Any) -> Path:
    """Write the data set of 20 pictures without folders of splits, and a dataset.yaml."""
    folders = {each["path"].split("/")[0] for each in maps.values()} | {"mask"}
    write_frames(root, "{map}", tuple(sorted(folders)), {"": range(COUNT)})
    return describe(root, maps, splits, **more)


def describe(root: Path, maps: Mapping[str, Any] = MAPS, splits: Mapping[str, Any] = SHARES, **more: Any) -> Path:
    """Write a dataset.yaml; ``more`` are further keys at its top."""
    described = {"name": "village", "splits": dict(splits), "modalities": dict(maps)} | more
    (root / "dataset.yaml").write_text(yaml.dump(described, Dumper=_WithoutAliases, sort_keys=False))
    return root
