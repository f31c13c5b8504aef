"""Cityscapes as preprocessed by the authors of MTAN (Liu et al., CVPR 2019)."""

from pathlib import Path

import numpy as np

from src.data.files.arrays import read_npy
from src.data.files.listing import files_by_stem
from src.data.files.opening import AGAIN
from src.data.files.ranges import image_of_unit_floats, whole_classes
from src.data.files.shapes import require_maps, require_one_aspect
from src.data.labels.cityscapes import CITYSCAPES_7, CITYSCAPES_19
from src.data.sources.base import SPLITS, by_name
from src.data.sources.cityscapes_files import complete
from src.data.sources.cityscapes_official import CITIES, DISPARITY, FOLDERS
from src.foundation.errors import UserError
from src.modalities.known import IMAGE, inverse_depth
from src.modalities.resizing import resize_depth, resize_image, resize_nearest

MODALITIES = ("image", "label_7", "label_19", "depth")
CHANNELS = {"image": (3,), "label_7": (0, 1), "label_19": (0, 1), "depth": (0, 1)}


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
        self._files = {split: self._list(path / folder) for split, folder in FOLDERS.items()}
        self._frames = {
            split: complete(path / FOLDERS[split], files, "{kind}/{id}.npy") for split, files in self._files.items()
        }
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
        name = self._frames[split][index]
        files = {modality: found[name] for modality, found in self._files[split].items()}
        read = {modality: read_npy(Path(file)) for modality, file in files.items()}
        where = f"{split} frame {name}"
        require_maps(read, CHANNELS, where)
        require_one_aspect(read, where)
        image, label7, label19, depth = (read[modality] for modality in MODALITIES)
        _require_scaled(depth, files["depth"])
        return {
            "image": resize_image(image_of_unit_floats(image, files["image"]), size),
            "label7": resize_nearest(whole_classes(label7.reshape(label7.shape[:2]), files["label_7"]), size),
            "label19": resize_nearest(whole_classes(label19.reshape(label19.shape[:2]), files["label_19"]), size),
            "depth": resize_depth(depth.reshape(depth.shape[:2]), size),
        }

    @staticmethod
    def _list(folder: Path) -> dict[str, dict[str, str]]:
        return {
            kind: {name: str(file) for name, file in files_by_stem(folder / kind, (".npy",)).items()}
            for kind in MODALITIES
        }


def _require_scaled(depth: np.ndarray, name: str) -> None:
    """Raise UserError for disparity that is not over 65535."""
    finite = depth[np.isfinite(depth)]
    if finite.size and finite.max() > 1:
        raise UserError(
            f"{name} is not as MTAN stores it",
            f"it reaches {finite.max():g}: raw disparity, or depth; it should be disparity / 65535, at most 1",
            f"divide it by 65535, {AGAIN}",
        )
