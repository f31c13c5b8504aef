"""Cityscapes as it is distributed: the packages leftImg8bit, gtFine and disparity."""

from io import BytesIO
from pathlib import Path

import numpy as np

from src.data.files.pictures import read_picture
from src.data.files.shapes import require_one_aspect
from src.data.labels.cityscapes import (
    CITYSCAPES_7,
    CITYSCAPES_19,
    IDS,
    LICENCE_PLATE,
    ids_to_nineteen,
    ids_to_seven,
)
from src.data.sources.base import SPLITS, by_name
from src.data.sources.cityscapes_files import Package, complete
from src.foundation.errors import UserError
from src.modalities.known import IMAGE, inverse_depth
from src.modalities.resizing import resize_depth, resize_image, resize_nearest

DISPARITY = "disparity / 65535 (raw uint16)"  # the unit of inverse depth in the store
FULL = 65535
FOLDERS = {"train": "train", "test": "val"}  # labels of the official test split are not public
ENDINGS = {"leftImg8bit": "leftImg8bit.png", "gtFine": "gtFine_labelIds.png", "disparity": "disparity.png"}
# frames of each city, by which a half-unpacked folder is known
CITIES = {
    "train": {
        "aachen": 174, "bochum": 96, "bremen": 316, "cologne": 154, "darmstadt": 85, "dusseldorf": 221,
        "erfurt": 109, "hamburg": 248, "hanover": 196, "jena": 119, "krefeld": 99, "monchengladbach": 94,
        "strasbourg": 365, "stuttgart": 196, "tubingen": 144, "ulm": 95, "weimar": 142, "zurich": 122,
    },
    "test": {"frankfurt": 267, "lindau": 59, "munster": 174},
}  # fmt: skip


class OfficialCityscapes:
    """Frames of ``{leftImg8bit,gtFine,disparity}/{train,val}/CITY/CITY_SEQUENCE_FRAME_*.png``, each package unpacked
    or still in its zip.

    On disk: image 8-bit RGB; ``gtFine_labelIds`` 8-bit ids 0..33; ``disparity`` 16-bit, pixels = (value - 1) / 256 at
    the official width of 2048, 0 = invalid. The store keeps value / 65535, whatever its size.

    Args:
        path: the folder that holds the packages.
        subset: take fewer frames than the official 2975 and 500.

    Raises:
        UserError: files are missing, cannot be read or are of the wrong kind.
    """

    def __init__(self, path: Path, subset: bool = False) -> None:
        self.description = f"Cityscapes, official files in {path.resolve()}"
        self.splits = SPLITS
        self.modalities = by_name(IMAGE, CITYSCAPES_7, CITYSCAPES_19, inverse_depth(DISPARITY))
        self._packages = {name: Package(path, name) for name in ENDINGS}
        self._files = {split: self._list(path, folder) for split, folder in FOLDERS.items()}
        self._frames = {split: sorted(files["leftImg8bit"]) for split, files in self._files.items()}
        if not subset:
            self._check_cities(path)

    def frames(self, split: str) -> list[str]:
        """List city_sequence_frame of each frame."""
        return self._frames[split]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Read a frame at ``size``."""
        frame = self._frames[split][index]
        image, ids, raw = (
            self._load(package, self._files[split][package][frame], modes)
            for package, modes in (("leftImg8bit", ("RGB",)), ("gtFine", ("L",)), ("disparity", ("I;16", "I")))
        )
        require_one_aspect({"leftImg8bit": image, "gtFine": ids, "disparity": raw}, f"{split} frame {frame}")
        ids = resize_nearest(ids, size)
        wrong = ids[(ids >= len(IDS)) & (ids != LICENCE_PLATE)]
        if wrong.size:
            raise UserError(
                f"{self._files[split]['gtFine'][frame]} holds the id {wrong[0]}",
                f"ids are 0..{len(IDS) - 1}",
                "take the original gtFine package, not one that was converted",
            )
        return {
            "image": resize_image(image, size),
            "label7": ids_to_seven(ids),
            "label19": ids_to_nineteen(ids),
            "depth": resize_depth(raw, size).astype(np.float32) / FULL,
        }

    def _list(self, path: Path, folder: str) -> dict[str, dict[str, str]]:
        files = {name: self._packages[name].list(folder, ending) for name, ending in ENDINGS.items()}
        named = {ENDINGS[name]: found for name, found in files.items()}
        complete(path, named, folder + "/*/{id}_{kind}")
        return files

    def _check_cities(self, path: Path) -> None:
        """Raise UserError where a city has fewer frames than the official split."""
        few, lacking = [], 0
        for split, cities in CITIES.items():
            found = [frame.split("_")[0] for frame in self._frames[split]]
            for city, count in cities.items():
                if found.count(city) < count:
                    few.append(f"{FOLDERS[split]}/{city} has {found.count(city)} of {count}")
                    lacking += count - found.count(city)
        if few:
            raise UserError(
                f"{path} lacks {lacking} frames of Cityscapes",
                f"{'; '.join(few[:3])}{f'; and {len(few) - 3} more cities' if len(few) > 3 else ''}",
                "unpack the packages again, or accept fewer frames: dataset.source.subset=true",
            )

    def _load(self, package: str, name: str, modes: tuple[str, ...]) -> np.ndarray:
        """Read a picture of a package as an array; raises UserError unless its Pillow mode is one of ``modes``."""
        value, mode = read_picture(BytesIO(self._packages[package].read(name)), name)
        if mode not in modes:
            raise UserError(
                f"{name} is not as Cityscapes has it",
                f"it has pixels of kind {mode}, not {modes[0]}",
                f"take the original {package} package, not one that was converted",
            )
        return value
