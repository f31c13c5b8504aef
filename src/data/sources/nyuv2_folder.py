"""NYUv2 as a folder of pictures."""

from pathlib import Path

import numpy as np

from src.data.files.listing import files_by_stem, nothing_in, visible
from src.data.files.pictures import SUFFIXES, read_picture, read_rgb
from src.data.files.shapes import require_one_aspect
from src.data.labels.nyuv2 import NYUV2_13, NYUV2_40, forty_to_thirteen
from src.data.sources.base import SPLITS, by_name
from src.data.sources.normals import normals_from_depth
from src.foundation.errors import UserError
from src.modalities.base import Modality
from src.modalities.known import IMAGE, NORMAL, depth
from src.modalities.resizing import resize_depth, resize_image, resize_nearest

DEPTH_SCALES = {"L": 25.5, "I;16": 1000.0, "I": 1000.0}  # value per metre, by Pillow's mode: 8 and 16 bits
LABELS: dict[str, Modality] = by_name(NYUV2_13, NYUV2_40)


class PicturesNyuv2:
    """Frames of ``{train,test}/{image,depth,label13,label40,normal}/NAME.{png,webp,jpg}``.

    depth: grey, metres = value / scale, 0 = invalid. label13, label40: class + 1, 0 = unlabelled; one of the two is
    enough, 13 classes follow from 40. normal, if there: n = value / 127.5 - 1 (x right, y up, z towards the camera),
    scaled to unit length; otherwise fitted to depth.

    Args:
        path: the folder that holds ``train`` and ``test``.
        depth_scale: value of a depth picture per metre; by default 25.5 for 8-bit and 1000 for 16-bit pictures.

    Raises:
        UserError: files are missing, cannot be read or are of the wrong kind.
    """

    def __init__(self, path: Path, depth_scale: float | None = None) -> None:
        self.path, self.depth_scale = path, depth_scale
        present = {folder.name for split in SPLITS for folder in visible(path / split) if folder.is_dir()}
        maps = [name for name in LABELS if name in present] or ["label13"]
        self._folders = ["image", "depth", *maps, *(["normal"] if "normal" in present else [])]
        self._files = {split: self._list(path / split) for split in SPLITS}
        scale = f"{depth_scale:g}" if depth_scale else "25.5 or 1000 by bits"
        normals = "normals as given" if "normal" in present else "normals fitted to depth"
        self.description = f"NYUv2, pictures in {path.resolve()}, depth scale {scale}, {normals}"
        self.splits = SPLITS
        self.modalities = by_name(IMAGE, *(LABELS[name] for name in ("label13", *maps)), depth(), NORMAL)

    def frames(self, split: str) -> list[str]:
        """List the pictures' names without suffix."""
        return sorted(self._files[split]["image"])

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Read a frame at ``size``; normals are fitted at full size first."""
        name = self.frames(split)[index]
        files = {modality: found[name] for modality, found in self._files[split].items()}
        read: dict[str, np.ndarray] = {"image": read_rgb(files["image"])}
        read["depth"], step = self._depth(files["depth"])
        read |= {modality: _labels(files[modality]) for modality in LABELS if modality in files}
        read["normal"] = (
            _normals(files["normal"]) if "normal" in files else normals_from_depth(read["depth"], step=step)
        )
        require_one_aspect(read, f"{split} frame {name}")
        frame = {modality: resize_nearest(read[modality], size) for modality in read.keys() - {"image", "depth"}}
        frame |= {"image": resize_image(read["image"], size), "depth": resize_depth(read["depth"], size)}
        if "label13" not in frame:
            frame["label13"] = _thirteen_of(frame["label40"])
        return frame

    def _depth(self, path: Path) -> tuple[np.ndarray, float]:
        """Read depth (H, W) in metres; returns it and the metres between two stored values."""
        value, mode = read_picture(path)
        if mode not in DEPTH_SCALES:
            raise UserError(
                f"{path} is no depth map",
                f"it has pixels of kind {mode}; depth is grey with 8 or 16 bits",
                "write depth as grey PNG and set the scale: dataset.source.depth_scale=1000",
            )
        scale = self.depth_scale or DEPTH_SCALES[mode]
        with np.errstate(over="ignore"):  # what is not finite is told later
            return value.astype(np.float32) / np.float32(scale), 1 / scale

    def _list(self, folder: Path) -> dict[str, dict[str, Path]]:
        """Map each modality's picture names in ``folder`` to paths; raises UserError where a modality lacks one."""
        found = {modality: files_by_stem(folder / modality, SUFFIXES) for modality in self._folders}
        names = sorted(set[str]().union(*found.values()))
        if not names:
            raise nothing_in(folder, self._folders, SUFFIXES)
        missing = [f"{modality}/{name}" for modality in self._folders for name in names if name not in found[modality]]
        if missing:
            raise UserError(
                f"{folder} lacks {len(missing)} pictures",
                f"the first are {', '.join(missing[:3])} ({', '.join(suffix[1:] for suffix in SUFFIXES)})",
                "put them there, or take the frames (or the whole modality) out of both splits",
            )
        return found


def _labels(path: Path) -> np.ndarray:
    """Read a label map (H, W) as int64 classes, -1 where unlabelled."""
    value, mode = read_picture(path)
    if mode not in ("L", "P", "I;16", "I"):
        raise UserError(
            f"{path} is no label map",
            f"it has pixels of kind {mode}; a label map is grey or has a palette",
            "write class + 1 as grey PNG, 0 for unlabelled",
        )
    return value.astype(np.int64) - 1


def _thirteen_of(label40: np.ndarray) -> np.ndarray:
    # a class out of range is reported for label40 itself
    return forty_to_thirteen(np.where(label40 < len(NYUV2_40.names), label40, -1))


def _normals(path: Path) -> np.ndarray:
    stored, mode = read_picture(path)
    if stored.ndim != 3 or stored.shape[2] < 3:
        raise UserError(
            f"{path} is no normal map",
            f"it has pixels of kind {mode}; normals are RGB, x, y and z as (n + 1) * 127.5",
            "write them so, or take the folder of normals away: they are fitted to depth then",
        )
    value = stored[..., :3].astype(np.float32) / 127.5 - 1
    # every stored direction is longer than this; middle grey stands for none
    return np.where(np.linalg.norm(value, axis=-1, keepdims=True) > 0.3, value, 0)
