"""NYUv2 as preprocessed by the authors of MTAN (Liu et al., CVPR 2019)."""

from pathlib import Path

import numpy as np

from src.data.files.arrays import read_npy
from src.data.files.listing import files_by_stem, nothing_in
from src.data.files.ranges import image_of_unit_floats, whole_classes
from src.data.files.shapes import require_maps, require_one_aspect
from src.data.labels.nyuv2 import NYUV2_13
from src.data.sources.base import SPLITS, by_name
from src.foundation.errors import UserError
from src.modalities.known import IMAGE, NORMAL, depth
from src.modalities.resizing import resize_depth, resize_image, resize_nearest

FOLDERS = {"train": "train", "test": "val"}  # what they call val is the official test split
MODALITIES = ("image", "label", "depth", "normal")
CHANNELS = {"image": (3,), "label": (0, 1), "depth": (0, 1), "normal": (3,)}


class MtanNyuv2:
    """Frames of ``train|val/{image,label,depth,normal}/N.npy``.

    On disk: image float (H, W, 3) in 0..1; label (H, W), -1..12; depth (H, W, 1) in metres, 0 = invalid; normal
    (H, W, 3). The axes of normals are kept as the files have them, whatever their convention: it does not change
    the metrics, but models do not carry over to normals that ``prepare`` computes unless the conventions agree.

    Args:
        path: the folder that holds ``train`` and ``val``.

    Raises:
        UserError: files are missing or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.description = f"NYUv2, MTAN's folder {path.resolve()}"
        self.splits = SPLITS
        self.modalities = by_name(IMAGE, NYUV2_13, depth(), NORMAL)
        self.exempt = frozenset({"normal_sign"})
        self._files = {split: self._list(path / folder) for split, folder in FOLDERS.items()}
        self._frames = {split: sorted(files["image"], key=_counted) for split, files in self._files.items()}

    def frames(self, split: str) -> list[str]:
        """List the files' numbers."""
        return self._frames[split]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Read a frame at ``size``."""
        name = self._frames[split][index]
        files = {modality: found[name] for modality, found in self._files[split].items()}
        read = {modality: read_npy(file) for modality, file in files.items()}
        where = f"{split} frame {name}"
        require_maps(read, CHANNELS, where)
        require_one_aspect(read, where)
        image, label, metres, normal = (read[modality] for modality in MODALITIES)
        return {
            "image": resize_image(image_of_unit_floats(image, str(files["image"])), size),
            "label13": resize_nearest(whole_classes(label.reshape(label.shape[:2]), str(files["label"])), size),
            "depth": resize_depth(metres.reshape(metres.shape[:2]), size),
            "normal": resize_nearest(normal, size),
        }

    @staticmethod
    def _list(folder: Path) -> dict[str, dict[str, Path]]:
        """Map each modality's file numbers in ``folder`` to files; raises UserError where a modality lacks one."""
        found = {modality: files_by_stem(folder / modality, (".npy",)) for modality in MODALITIES}
        names = sorted(set[str]().union(*found.values()), key=_counted)
        if not names:
            raise nothing_in(folder, MODALITIES, (".npy",))
        missing = [f"{modality}/{name}.npy" for modality in MODALITIES for name in names if name not in found[modality]]
        if missing:
            raise UserError(
                f"{folder} lacks {len(missing)} files",
                f"the first are {', '.join(missing[:3])}",
                "unpack MTAN's preprocessed NYUv2 again",
            )
        return found


def _counted(name: str) -> tuple[int, str]:
    return len(name), name
