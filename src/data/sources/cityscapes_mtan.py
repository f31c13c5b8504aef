"""Cityscapes as preprocessed by the authors of MTAN (Liu et al., CVPR 2019)."""

from pathlib import Path

import numpy as np

from src.data.labels.cityscapes import CITYSCAPES_7, CITYSCAPES_19
from src.data.sources.base import SPLITS, by_name
from src.data.sources.cityscapes_files import complete
from src.data.sources.cityscapes_official import CITIES, DISPARITY, FOLDERS
from src.foundation.errors import UserError
from src.modalities.known import IMAGE, inverse_depth
from src.modalities.resizing import resize_depth, resize_image, resize_nearest

MODALITIES = ("image", "label_7", "label_19", "depth")


class MtanCityscapes:
    """Frames of ``train|val/{image,label_7,label_19,depth}/N.npy``, 128x256 as they made them.

    On disk: image float (H, W, 3) in 0..1; labels (H, W), -1 = ignored; depth (H, W, 1), which is disparity, raw
    16-bit value / 65535, 0 = invalid: the unit of the store.

    Args:
        path: the folder that holds ``train`` and ``val``.
        subset: take fewer frames than the 2975 and 500.

    Raises:
        UserError: files are missing, cannot be read or are of the wrong kind.
    """

    def __init__(self, path: Path, subset: bool = False) -> None:
        self.path = path
        self.description = f"Cityscapes, MTAN's folder {path.resolve()}"
        self.splits = SPLITS
        self.modalities = by_name(IMAGE, CITYSCAPES_7, CITYSCAPES_19, inverse_depth(DISPARITY))
        self._frames = {split: self._list(path / folder) for split, folder in FOLDERS.items()}
        for split, cities in CITIES.items():
            count = len(self._frames[split])
            if count < sum(cities.values()) and not subset:
                raise UserError(
                    f"{path / FOLDERS[split]} lacks {sum(cities.values()) - count} frames of Cityscapes",
                    f"it has {count} of {sum(cities.values())}",
                    "unpack it again, or accept fewer frames: dataset.source.subset=true",
                )

    def frames(self, split: str) -> list[str]:
        """List the files' numbers."""
        return self._frames[split]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Read a frame at ``size``."""
        folder, name = self.path / FOLDERS[split], f"{self._frames[split][index]}.npy"
        image, label7, label19, depth = (_load(folder / modality / name) for modality in MODALITIES)
        if image.ndim != 3 or {label7.size, label19.size, depth.size} != {image[..., 0].size} or image.shape[2] != 3:
            shapes = ", ".join(str(array.shape) for array in (image, label7, label19, depth))
            raise UserError(
                f"{folder}/*/{name} is not as MTAN stores it",
                f"image, label_7, label_19 and depth are {shapes}; the image should be (height, width, 3)",
                "fetch MTAN's preprocessed Cityscapes again",
            )
        shape = image.shape[:2]
        return {
            "image": resize_image(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8), size),
            "label7": resize_nearest(np.rint(label7.reshape(shape)).astype(np.int64), size),
            "label19": resize_nearest(np.rint(label19.reshape(shape)).astype(np.int64), size),
            "depth": resize_depth(depth.reshape(shape), size),
        }

    @staticmethod
    def _list(folder: Path) -> list[str]:
        files = {kind: {path.stem: path.name for path in (folder / kind).glob("*.npy")} for kind in MODALITIES}
        return complete(folder, files, "{kind}/{id}.npy")


def _load(path: Path) -> np.ndarray:
    try:
        return np.asarray(np.load(path))
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{path} cannot be read", str(error), "replace the file, then run the same command") from error
