"""Which folders of a folder of one's own are splits, and which are maps."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from src.data.files.patterns import READABLE
from src.data.sources.folder_description import FILE
from src.foundation.errors import UserError

SPLITS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}
"""Names of folders that are splits."""
WORDS = {
    "image": r"(images?|imgs?|rgb|photos?|pictures?|leftimg8bit|jpegimages)",
    "depth": r"depths?.*",
    "normal": r"normals?.*",
    "edges": r"(edges?|boundar|contour).*",
    "label": r".*(label|seg|class|mask|annotation|gtfine).*",
}
"""What names of folders speak of."""
LAYOUTS = (
    "looked for {train,val,test}/MAP/NAME.png, MAP/{train,val,test}/NAME.png or MAP/NAME.png (or jpg, webp, tif, npy "
    "...), where MAP is image, depth, label ..."
)


@dataclass
class Layout:
    """Which folders are maps and which are splits: a path pattern and files by map, and the folder of each split."""

    paths: dict[str, str] = field(default_factory=dict)
    files: dict[str, list[Path]] = field(default_factory=dict)
    splits: dict[str, str] = field(default_factory=dict)


def find_layout(root: Path) -> Layout:
    """Find out which folders below ``root`` are splits and which are maps; raises UserError where none is known."""
    layout = Layout()
    by_map: dict[str, dict[str | None, list[Path]]] = {}
    orders: dict[str, str] = {}
    for path in _files(root):
        *folders, _ = path.relative_to(root).parts
        split = next((folder for folder in folders if _split(folder)), None)
        maps = [folder for folder in folders if folder != split]
        if len(maps) == 1:
            by_map.setdefault(maps[0], {}).setdefault(split, []).append(path)
            if split:
                orders[maps[0]] = "{split}/" + maps[0] if folders[0] == split else maps[0] + "/{split}"
    if len(by_map) < 2:
        raise UserError(
            f"{root} holds no {FILE}, and no images and maps by which to write one",
            f"{LAYOUTS}\n        found: {_found(root)}",
            f"write {root / FILE} (docs/your_data.md shows one), or name the folder that holds them: source=DIR",
        )
    folders_of = {split for of_map in by_map.values() for split in of_map if split}
    found = {_split(folder): folder for folder in sorted(folders_of)}
    layout.splits = {split: found[split] for split in SPLITS if split in found}
    drawn = len(layout.splits) < 2
    for name, of_map in sorted(by_map.items(), key=lambda item: (speaks_of(item[0]) != "image", item[0])):
        files = sorted(path for paths in of_map.values() for path in paths)
        place = orders.get(name, name)
        if drawn:
            place = place.replace("{split}", next(iter(folders_of), ""))
        endings = {path.suffix for path in files}
        layout.paths[name] = f"{place}/{{name}}{endings.pop() if len(endings) == 1 else '.*'}"
        layout.files[name] = files
    layout.splits = {} if drawn else layout.splits
    return layout


def _files(root: Path) -> Iterator[Path]:
    """Yield the files with readable endings one or two folders deep, hidden ones passed over."""
    for pattern in ("*/*", "*/*/*"):
        for path in sorted(root.glob(pattern)):
            hidden = any(part.startswith(".") for part in path.relative_to(root).parts)
            if not hidden and path.suffix.lower() in READABLE and path.is_file():
                yield path


def _split(folder: str) -> str | None:
    return next((split for split, names in SPLITS.items() if folder.lower() in names), None)


def speaks_of(folder: str) -> str:
    """Return which kind of map the name of a folder speaks of: image, depth, normal, edges, label or nothing."""
    return next((word for word, names in WORDS.items() if re.fullmatch(names, folder.lower())), "")


def _found(root: Path) -> str:
    names = sorted(path.name + ("/" if path.is_dir() else "") for path in root.iterdir() if path.name[0] != ".")
    return (", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")) or "nothing"
