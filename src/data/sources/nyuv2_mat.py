"""NYUv2 as published: ``nyu_depth_v2_labeled.mat``."""

from pathlib import Path
from typing import Any

import numpy as np
from scipy.io import loadmat

from src.data.labels.nyuv2 import NYUV2_13, NYUV2_40, RAW_CLASSES, RAW_NAMES, forty_to_thirteen, raw_to_forty
from src.data.labels.nyuv2_split import FRAMES, official_split
from src.data.sources.base import SPLITS, by_name
from src.data.sources.normals import normals_from_depth
from src.foundation.errors import UserError
from src.modalities.known import IMAGE, NORMAL, depth
from src.modalities.resizing import resize_depth, resize_image, resize_nearest

ADDRESS = "https://cs.nyu.edu/~fergus/datasets/nyu_depth_v2.html"


class OfficialNyuv2:
    """Frames of the official file; the 13 and 40 classes come from its 894, normals from its depth.

    The split is that of ``splits.mat`` beside the file, or else the official one.

    Args:
        path: the .mat file (MATLAB 7.3, which is HDF5; every array in it is transposed).

    Raises:
        UserError: h5py is not installed, or the file is not the official one or not whole.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.description = f"NYUv2, official file {path.resolve()}, normals fitted to depth"
        self.splits = SPLITS
        self.modalities = by_name(IMAGE, NYUV2_13, NYUV2_40, depth(), NORMAL)
        self._file: Any = None
        count = self._check()
        self._numbers = self._split(count)

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file behind: every process opens its own."""
        return {**self.__dict__, "_file": None}

    def frames(self, split: str) -> list[str]:
        """List the official 1-based frame numbers, four digits each."""
        return [f"{number:04d}" for number in self._numbers[split]]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Read a frame at ``size``; normals are fitted at full size first."""
        row = self._numbers[split][index] - 1
        try:
            image, metres, raw = (self._open()[name][row].T for name in ("images", "depths", "labels"))
        except OSError as error:
            raise self._broken(f"frame {row + 1} cannot be read ({error})") from error
        label40 = raw_to_forty(resize_nearest(raw, size))
        return {
            "image": resize_image(np.ascontiguousarray(image), size),
            "label13": forty_to_thirteen(label40),
            "label40": label40,
            "depth": resize_depth(metres, size),
            "normal": resize_nearest(normals_from_depth(metres), size),
        }

    def _open(self) -> Any:
        """Return the open HDF5 file; raises UserError without h5py or for a file that is not whole."""
        if self._file is None:
            try:
                import h5py
            except ImportError as error:
                raise UserError(
                    "the official NYUv2 file needs h5py to be read", mend="pip install 'mtl-distillation[mat]'"
                ) from error
            try:
                self._file = h5py.File(self.path, "r")
            except OSError as error:
                raise self._broken(str(error)) from error
        return self._file

    def _check(self) -> int:
        """Count the file's frames; raises UserError unless it holds the official arrays and class names."""
        file = self._open()
        missing = [name for name in ("images", "depths", "labels", "names") if name not in file]
        if missing:
            raise self._broken(f"it has no {', '.join(missing)}")
        names = ["".join(map(chr, file[reference][:].ravel())) for reference in file["names"][:].ravel()]
        wrong = [name for number, name in RAW_NAMES.items() if names[number - 1 : number] != [name]]
        if len(names) != RAW_CLASSES or wrong:
            raise self._broken(f"its {len(names)} class names are not the official {RAW_CLASSES} ({wrong[:3]} differ)")
        return int(file["images"].shape[0])

    def _split(self, count: int) -> dict[str, list[int]]:
        """Return the frame numbers of each split; raises UserError where the file, of ``count`` frames, lacks one."""
        beside = self.path.with_name("splits.mat")
        if beside.exists():
            found = loadmat(beside)
            split = {name: sorted(found[f"{name}Ndxs"].ravel().tolist()) for name in ("train", "test")}
        else:
            split = official_split()
        last = max(max(numbers) for numbers in split.values())
        if last > count:
            raise self._broken(f"it has {count} frames, the split names frame {last} (of {FRAMES} officially)")
        return split

    def _broken(self, why: str) -> UserError:
        """Build the error for a file that is not the official one or not whole."""
        return UserError(
            f"{self.path} is not a whole nyu_depth_v2_labeled.mat",
            why,
            f"fetch it again (about 2.8 GB) from {ADDRESS}",
        )
