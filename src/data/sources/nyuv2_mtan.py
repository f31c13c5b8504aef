"""NYUv2 as preprocessed by the authors of MTAN (Liu et al., CVPR 2019)."""

from pathlib import Path

import numpy as np

from src.data.labels.nyuv2 import NYUV2_13
from src.data.sources.base import SPLITS, by_name
from src.foundation.errors import UserError
from src.modalities.known import IMAGE, NORMAL, depth
from src.modalities.resizing import resize_depth, resize_image, resize_nearest

FOLDERS = {"train": "train", "test": "val"}  # what they call val is the official test split
MODALITIES = ("image", "label", "depth", "normal")


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
        self._frames = {split: self._list(path / folder) for split, folder in FOLDERS.items()}

    def frames(self, split: str) -> list[str]:
        """List the files' numbers."""
        return self._frames[split]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Read a frame at ``size``."""
        folder, name = self.path / FOLDERS[split], f"{self._frames[split][index]}.npy"
        image, label, metres, normal = (_load(folder / modality / name) for modality in MODALITIES)
        if image.shape[-1:] != (3,) or normal.shape[-1:] != (3,):
            raise UserError(
                f"{folder}/*/{name} is not as MTAN stores it",
                f"image is {image.shape} and normal {normal.shape}, both should be (height, width, 3)",
                "fetch MTAN's preprocessed NYUv2 again",
            )
        return {
            "image": resize_image(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8), size),
            "label13": resize_nearest(np.rint(label.reshape(label.shape[:2])).astype(np.int64), size),
            "depth": resize_depth(metres.reshape(metres.shape[:2]), size),
            "normal": resize_nearest(normal, size),
        }

    @staticmethod
    def _list(folder: Path) -> list[str]:
        """List the files' numbers in ``folder``, in order; raises UserError where a modality lacks one."""
        found = {modality: {path.stem for path in (folder / modality).glob("*.npy")} for modality in MODALITIES}
        names = sorted(set.union(*found.values()), key=lambda name: (len(name), name))
        missing = [f"{modality}/{name}.npy" for modality in MODALITIES for name in names if name not in found[modality]]
        if missing:
            raise UserError(
                f"{folder} lacks {len(missing)} files",
                f"the first are {', '.join(missing[:3])}",
                "unpack MTAN's preprocessed NYUv2 again",
            )
        return names


def _load(path: Path) -> np.ndarray:
    """Read a .npy file; raises UserError where that fails."""
    try:
        array = np.load(path)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} cannot be read", str(error), "replace the file, then run the same command") from error
    return np.asarray(array)
