"""NYUv2 as published: ``nyu_depth_v2_labeled.mat``."""

from pathlib import Path
from typing import Any

import numpy as np

from src.data.files.matlab import hdf5_array, open_hdf5, read_matlab
from src.data.files.opening import reachable
from src.data.labels.nyuv2 import NYUV2_13, NYUV2_40, RAW_CLASSES, RAW_NAMES, forty_to_thirteen, raw_to_forty
from src.data.labels.nyuv2_split import FRAMES, official_split
from src.data.sources.base import SPLITS, by_name
from src.data.sources.normals import normals_from_depth
from src.foundation.errors import UserError
from src.modalities.known import IMAGE, NORMAL, depth
from src.modalities.resizing import resize_depth, resize_image, resize_nearest

EXTRA = "pip install 'mtl-distillation[mat]'"
ARRAYS = {"images": (4, "u1"), "depths": (3, "f4"), "labels": (3, "u2")}
"""Axes and types of the arrays."""
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
            image, metres, raw = (self._open()[name][row].T for name in ARRAYS)
        except UserError:
            raise
        except Exception as error:  # h5py raises whatever its library stumbles over
            raise self._broken(f"frame {row + 1} cannot be read ({error})") from error
        if raw.max() > RAW_CLASSES:
            raise self._broken(f"frame {row + 1} has the label {raw.max()}, of {RAW_CLASSES} classes")
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
            self._file = open_hdf5(self.path, EXTRA, self._broken("").mend)
        return self._file

    def _check(self) -> int:
        """Count the file's frames; raises UserError unless it holds the official arrays and class names."""
        file = self._open()
        try:
            arrays = {name: hdf5_array(file, name) for name in ARRAYS}
            names = _class_names(file)
        except Exception as error:  # h5py raises whatever its library stumbles over
            raise self._broken(str(error)) from error
        for name, (axes, kind) in ARRAYS.items():
            found = arrays[name]
            if found.ndim != axes or found.dtype != np.dtype(kind):
                raise self._broken(f"{name} is {found.dtype} {found.shape}, not {np.dtype(kind)} with {axes} axes")
        count, channels, *size = arrays["images"].shape
        if channels != 3 or any(found.shape != (count, *size) for name, found in arrays.items() if name != "images"):
            shapes = ", ".join(f"{name} {found.shape}" for name, found in arrays.items())
            raise self._broken(f"its arrays do not belong together: {shapes}")
        wrong = [name for number, name in RAW_NAMES.items() if names[number - 1 : number] != [name]]
        if len(names) != RAW_CLASSES or wrong:
            raise self._broken(f"its {len(names)} class names are not the official {RAW_CLASSES} ({wrong[:3]} differ)")
        return int(count)

    def _split(self, count: int) -> dict[str, list[int]]:
        """Return the frame numbers of each split; raises UserError where the file, of ``count`` frames, lacks one."""
        beside = self.path.with_name("splits.mat")
        split = _read_split(beside) if reachable(beside) else official_split()
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


def _class_names(file: Any) -> list[str]:
    """Read the names of the raw classes, which are references to arrays of letters."""
    import h5py

    references = hdf5_array(file, "names")
    if h5py.check_ref_dtype(references.dtype) is not h5py.Reference:
        raise ValueError(f"its names are {references.dtype}, not references to text")
    return ["".join(map(chr, file[reference][:].ravel())) for reference in references[:].ravel()]


def _read_split(path: Path) -> dict[str, list[int]]:
    """Read the frames of each split; raises UserError for numbers that are no frames, or in there twice."""
    mend = f"fetch splits.mat again from {ADDRESS}, or remove it: the official split is known"
    found = read_matlab(path, [f"{name}Ndxs" for name in SPLITS], mend)
    split = {}
    for name in SPLITS:
        numbers = found[f"{name}Ndxs"].ravel()
        problems = {
            "no frame": not numbers.size,
            f"{numbers[:1]}, which is no whole number": bool((numbers != np.rint(numbers)).any()),
            f"frame {numbers.min(initial=1):g}; the first frame is 1": bool(numbers.min(initial=1) < 1),
            "a frame twice": len(np.unique(numbers)) < numbers.size,
        }
        for problem, wrong in problems.items():
            if wrong:
                raise UserError(f"the {name} split of {path} names {problem}", "its frames are counted from 1", mend)
        split[name] = sorted(int(number) for number in numbers)
    shared = sorted(set(split["train"]) & set(split["test"]))
    if shared:
        few = ", ".join(map(str, shared[:5]))
        raise UserError(f"{path} has {len(shared)} frames in both splits", f"among them {few}", mend)
    return split
