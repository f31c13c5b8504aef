"""Writes a tiny PASCAL_MT archive of pictures of several sizes, from frames whose every value is known."""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat

SPLITS = {"train": ("2008_000002", "2008_000008", "2010_001154"), "val": ("2008_000003", "2009_004887")}
SHAPES = {
    "2008_000002": (30, 40), "2008_000008": (40, 26), "2010_001154": (38, 38),
    "2008_000003": (24, 40), "2009_004887": (40, 40),
}  # fmt: skip
PLANE, FLOOR, PERSON, WALL = 2, 158, 284, 440  # of the 459 labels; a plane has no normals
WITHOUT_PERSON = ("2010_001154",)
WITHOUT_PARTS = ("2009_004887",)  # there is a person, but no part of it is marked
IN_CONTEXT = ("2008_000008", "2008_000003")  # frames whose classes are not in semseg/VOC12
# object's class, and its parts by name and rectangle (top, bottom, left, right); the later ones are seen
OBJECTS = (
    (12, (("head", (0, 20, 0, 20)), ("tail", (0, 9, 0, 9)))),  # a dog
    (15, (("torso", (4, 14, 4, 10)), ("lhand", (6, 9, 8, 12)), ("hair", (2, 6, 4, 8)), ("ruleg", (14, 18, 4, 7)))),
    (15, (("neck", (3, 5, 16, 19)), ("llarm", (5, 9, 16, 18)), ("luarm", (5, 7, 16, 18)), ("lfoot", (20, 22, 16, 19)))),
    (15, ()),
)
CLASS_OF = {"hair": 1, "torso": 2, "neck": 2, "luarm": 3, "lhand": 4, "llarm": 4, "ruleg": 5, "lfoot": 6}


def frame(name: str) -> dict[str, np.ndarray]:
    """The content of a frame's files, parts of persons apart."""
    draw = np.random.default_rng(list(name.encode()))
    height, width = SHAPES[name]
    context = np.full((height, width), WALL, np.uint16)
    context[height // 2 :] = FLOOR
    context[3 : height // 2, width // 2 : width // 2 + 9] = PERSON
    context[:3] = PLANE
    context[-3:-1, -4:] = 0
    normals = draw.integers(0, 256, (height, width, 3), np.uint8)
    normals[context == FLOOR] = (130, 20, 170)  # y is down in the archive
    normals[5, 5:9] = 128
    classes = draw.integers(0, 21, (height, width)).astype(np.uint8)
    classes[draw.random((height, width)) < 0.1] = 255
    return {
        "JPEGImages": draw.integers(0, 256, (height, width, 3), np.uint8),
        "semseg": classes,
        "normals_distill": normals,
        "sal_distill": draw.choice(np.array([0, 127, 128, 255], np.uint8), (height, width)),
        "context": context,
    }


def parts_seen(name: str) -> np.ndarray:
    """Classes of parts (H, W), -1 everywhere where there is none."""
    seen = np.zeros(SHAPES[name], int)
    for kind, parts in objects(name):
        for part, (top, bottom, left, right) in parts if kind == 15 else ():
            seen[top:bottom, left:right] = CLASS_OF[part]
    return seen if seen.any() else np.full(SHAPES[name], -1)


def objects(name: str) -> tuple[Any, ...]:
    if name in WITHOUT_PERSON:
        return OBJECTS[:1]
    return OBJECTS[::3] if name in WITHOUT_PARTS else OBJECTS


def annotation(name: str) -> dict[str, Any]:
    """The variable ``anno`` of PASCAL-Part: records in records."""
    things = np.zeros((1, len(objects(name))), [(key, object) for key in ("class", "class_ind", "mask", "parts")])
    for index, (kind, parts) in enumerate(objects(name)):
        records = np.zeros((1, len(parts)), [("part_name", object), ("mask", object)])
        for at, (part, (top, bottom, left, right)) in enumerate(parts):
            mask = np.zeros(SHAPES[name], np.uint8)
            mask[top:bottom, left:right] = 1
            records[0, at] = (part, mask)
        whole = np.ones(SHAPES[name], np.uint8)
        things[0, index] = ("dog" if kind == 12 else "person", kind, whole, records if parts else np.zeros((0, 0)))
    return {"imname": name, "objects": things}


def write(root: Path) -> Path:
    """Write the whole archive; a list of parts, as the public loaders leave it there, too."""
    for split, names in SPLITS.items():
        for kind in ("Context", "Parts"):
            path = root / "ImageSets" / kind / f"{split}.txt"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("\n".join(names) if kind == "Context" else "{}")
        for name in names:
            write_frame(root, name)
    return root


def write_frame(root: Path, name: str) -> None:
    """Write the files of a frame."""
    value = frame(name)
    semseg = "semseg/pascal-context" if name in IN_CONTEXT else "semseg/VOC12"
    classes = Image.fromarray(value["semseg"]).convert("P" if name in IN_CONTEXT else "L")
    if name in IN_CONTEXT:
        classes.putdata(value["semseg"].ravel().tolist())
    pictures = {
        f"JPEGImages/{name}.jpg": Image.fromarray(value["JPEGImages"]),
        f"{semseg}/{name}.png": classes,
        f"normals_distill/{name}.png": Image.fromarray(value["normals_distill"]),
        f"sal_distill/{name}.png": Image.fromarray(value["sal_distill"]),
    }
    for file, picture in pictures.items():
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        picture.save(root / file)
    for file, content in (
        (f"human_parts/{name}.mat", {"anno": annotation(name)}),
        (f"pascal-context/trainval/{name}.mat", {"LabelMap": value["context"]}),
    ):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        savemat(root / file, content, do_compression=True)
