"""A folder of one's own, as its ``dataset.yaml`` describes it."""

import hashlib
import json
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field

from src.data.files.sizes import stored_size
from src.data.sources.base import SOURCES, by_name
from src.data.sources.folder_description import FILE, LARGEST, SMALLEST, Description
from src.data.sources.folder_discovery import write_description
from src.data.sources.folder_frames import find_frames
from src.data.sources.folder_maps import MapReader, components_of, modality_of, palette_of
from src.data.sources.folder_reading import read_description
from src.foundation.errors import UserError
from src.modalities.resizing import resized

COMMAND = "python -m src.prepare dataset=folder source=DIR"
LOOKED_FOR = f"a folder of pictures and maps; {FILE} in it describes them, and is written where it is not there"
SAME_ASPECT = 0.01
"""Part of its width by which a map's proportion may differ from its image's, for rounded sizes."""


@SOURCES.register("folder")
def open_folder(
    path: Annotated[str | None, Field(description="folder that holds pictures, maps and dataset.yaml")],
) -> "DescribedFolder":
    """Open a folder by its dataset.yaml; where it has none, write one that describes what was found, and stop.

    Args:
        path: the folder.

    Raises:
        UserError: there is no such folder, its description was just written, or does not fit what is there.
    """
    if path is None:
        raise UserError("dataset=folder has to be told which folder", LOOKED_FOR, COMMAND)
    root = Path(path).expanduser()
    if not root.is_dir():
        raise UserError(f"there is no folder {root}", LOOKED_FOR, COMMAND)
    if not (root / FILE).exists():
        found = write_description(root)
        raise UserError(
            f"{root / FILE} was not there: it has been written, as a guess from {found}",
            "names of classes, units and scales are in nobody's pictures",
            "look at it, correct what is wrong, and run the same command again",
        )
    return DescribedFolder(root, read_description(root))


class DescribedFolder:
    """Frames of a folder, by its description.

    Args:
        root: the folder.
        description: what its ``dataset.yaml`` says.

    Raises:
        UserError: files and description do not fit each other.
    """

    def __init__(self, root: Path, description: Description) -> None:
        self.root, self.own_name, self._size = root, description.name, description.size
        self._frames = find_frames(root, description)
        self.splits = tuple(self._frames)
        self._readers: dict[str, MapReader] = {}
        for name, described in description.modalities.items():
            first = next(iter(self._frames["train"].files[name].values()))
            try:
                self._readers[name] = MapReader(
                    modality_of(name, described, components_of(described, first), palette_of(described, first)),
                    described,
                )
            except ValueError as error:
                raise UserError(f"{root / FILE}: {error}") from error
        self.modalities = by_name(*(reader.modality for reader in self._readers.values()))
        digest = hashlib.sha256(json.dumps(description.content, sort_keys=True).encode()).hexdigest()[:12]
        self.description = f"folder {root.resolve()}, described by {FILE} {digest}"

    def own_size(self) -> tuple[int, int]:
        """Return the size (H, W) that the description states, or else that all images have; raises UserError."""
        if self._size:
            return self._size
        images = [path for each in self._frames.values() for path in each.files["image"].values()]
        sizes = {stored_size(path): path for path in images}
        usual = all(SMALLEST <= side <= LARGEST for size in sizes for side in size)
        if len(sizes) == 1 and usual:
            return next(iter(sizes))
        told = ", ".join(f"{height}x{width} ({path.name})" for (height, width), path in list(sizes.items())[:3])
        raise UserError(
            f"{self.root / FILE} has to say the size: the images have {len(sizes)} sizes"
            if usual
            else f"{self.root / FILE} has to say the size: that of the images is none to train on",
            f"{'the first are ' if len(sizes) > 1 else ''}{told}; all frames of a store have one size",
            f"size: [HEIGHT, WIDTH] in {FILE}, or 'dataset.size=[HEIGHT,WIDTH]'",
        )

    def frames(self, split: str) -> list[str]:
        """List the frames' names."""
        return list(self._frames[split].names)

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Read a frame and resize each of its maps to ``size`` (H, W), by the rule of its kind."""
        frames = self._frames[split]
        name = frames.names[index]
        frame: dict[str, np.ndarray] = {}
        own: tuple[int, int] | None = None
        for key, reader in sorted(self._readers.items(), key=lambda item: item[0] != "image"):
            file = frames.files[key][name]
            value = reader.read(file, frames.files.get(f"{key} mask", {}).get(name))
            height, width = value.shape[:2]
            own = own or (height, width)
            if abs(width - height * own[1] / own[0]) > max(1.0, SAME_ASPECT * width):
                raise UserError(
                    f"{file} is {height}x{width}, its image {frames.files['image'][name]} is {own[0]}x{own[1]}",
                    "a map shows what its image shows, so that height and width are in the same proportion",
                    "replace it, or take the frame out; then run the same command again",
                )
            frame[key] = resized(reader.modality, value, size)
        return frame
