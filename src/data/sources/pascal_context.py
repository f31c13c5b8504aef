"""PASCAL-Context with five tasks, in the layout of the archives PASCAL_MT and PASCALContext."""

from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.ndimage import laplace

from src.data.files.grey import read_grey
from src.data.files.matlab import MEND, read_matlab
from src.data.files.pictures import read_rgb
from src.data.labels.pascal_context import FLOOR, HUMAN_PARTS, VOC_21, WITH_NORMALS
from src.data.sources.archives import Archive
from src.data.sources.base import SOURCES, by_name
from src.data.sources.frame_maps import NormalSigns, check_axes, fitted_frame, normals_from_colours
from src.data.sources.pascal_parts import read_human_parts
from src.foundation.errors import UserError
from src.metrics.thinning import thin
from src.modalities.base import IGNORE
from src.modalities.fitting import Fit
from src.modalities.known import EDGES, IMAGE, NORMAL, SALIENCY

ARCHIVE = Archive(
    title="PASCAL-Context",
    command="python -m src.prepare dataset=pascal_context source=",
    lists={"train": "ImageSets/Context/train.txt", "test": "ImageSets/Context/val.txt"},
    places={
        "image": (("JPEGImages", (".jpg",)),),
        "label21": (("semseg/VOC12", (".png",)), ("semseg/pascal-context", (".png",))),
        "human_parts": (("human_parts", (".mat",)),),
        "normal": (("normals_distill", (".png",)),),
        "saliency": (("sal_distill", (".png",)),),
        "context": (("pascal-context/trainval", (".mat",)),),
    },
)
IGNORED = 255
SALIENT = 127.5
LABELS = 459
LOOKED_AT = 200
"""Frames among whose labels floors are looked for; they show which axes the normals have."""


@SOURCES.register()
class PascalContext:
    """Frames named in ``ImageSets/Context/{train,val}.txt``, of sizes of their own.

    JPEGImages: jpg. semseg/VOC12, else semseg/pascal-context: classes 0..20, 255 ignored, png. human_parts: mat of
    PASCAL-Part. pascal-context/trainval: mat with ``LabelMap``, 0..459, whose borders are the edges. normals_distill:
    png, n = 2 value / 255 - 1, valid on labels that NYUv2 has too. sal_distill: png, salient above 127.5.

    Args:
        path: the unpacked archive, or a folder that holds it.
        fit: how pictures come to the store's size.
        normal_signs: by what the archive's normals are multiplied.

    Raises:
        UserError: files are missing, cannot be read or are of the wrong kind.
    """

    def __init__(
        self,
        path: Annotated[str | None, Field(description="the unpacked archive, or a folder that holds it")],
        fit: Fit = "pad",
        normal_signs: NormalSigns = (1, -1, 1),
    ) -> None:
        root = ARCHIVE.find(path)
        self.fit, self._signs = fit, np.array(normal_signs, np.float32)
        self._frames = ARCHIVE.frames(root)
        self._files = ARCHIVE.files(root, self._frames)
        self.splits = tuple(ARCHIVE.lists)
        self.modalities = by_name(IMAGE, VOC_21, HUMAN_PARTS, NORMAL, SALIENCY, EDGES)
        signs = ",".join(str(sign) for sign in normal_signs)
        self.description = f"PASCAL-Context, archive in {root.resolve()}, fit {fit}, normals times {signs}"
        check_axes(self._floors(), ARCHIVE.title, normal_signs)

    def frames(self, split: str) -> list[str]:
        """List the frames' names in the order of the archive's list."""
        return self._frames[split]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Read a frame, fitted into ``size``."""
        files = self._files_of(self._frames[split][index])
        image, context = read_rgb(files["image"]), _context(files["context"])
        maps = {
            "image": image,
            "label21": _classes(files["label21"]),
            "human_parts": read_human_parts(files["human_parts"], (image.shape[0], image.shape[1])),
            "normal": self._normals(files, context),
            "saliency": read_grey(files["saliency"], "saliency map") > SALIENT,
            "edges": borders(context),
        }
        return fitted_frame(self.modalities, maps, files | {"edges": files["context"]}, size, self.fit)

    def _files_of(self, name: str) -> dict[str, Path]:
        return {kind: files[name] for kind, files in self._files.items()}

    def _normals(self, files: Mapping[str, Path], context: np.ndarray) -> np.ndarray:
        picture = read_rgb(files["normal"])
        if picture.shape[:2] != context.shape:
            why = f"it has {picture.shape[:2]} pixels, the labels of {files['context']} have {context.shape}"
            raise UserError(f"{files['normal']} does not fit its labels", why, MEND)
        return np.where(np.isin(context, WITH_NORMALS)[..., None], normals_from_colours(picture) * self._signs, 0)

    def _floors(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield normals and where there is a floor, for those of the first frames that have one."""
        for name in islice(self._frames["train"], LOOKED_AT):
            files = self._files_of(name)
            context = _context(files["context"])
            if (context == FLOOR).any():
                yield self._normals(files, context), context == FLOOR


def borders(labels: np.ndarray) -> np.ndarray:
    """Return the borders between labels (H, W) one pixel wide, bool: where their Laplacian is not 0, thinned.

    As ASTMT (Maninis et al., CVPR 2019) and the loaders after it make them, of the same pixels.
    """
    return thin(laplace(labels.astype(np.float64), mode="mirror") != 0)


def _context(path: Path) -> np.ndarray:
    value = read_matlab(path, ["LabelMap"])["LabelMap"]
    if value.ndim != 2 or value.dtype.kind not in "uif" or not value.size or value.min() < 0 or value.max() > LABELS:
        why = f"LabelMap is {value.dtype} of shape {value.shape}; labels are 0..{LABELS}, (height, width)"
        raise UserError(f"{path} is no file of PASCAL-Context", why, MEND)
    return value


def _classes(path: Path) -> np.ndarray:
    value = read_grey(path, "label map")
    if value[value != IGNORED].max(initial=0) >= len(VOC_21.names):
        why = f"labels are 0..{len(VOC_21.names) - 1}, {IGNORED} ignored"
        raise UserError(f"{path} holds the label {value[value != IGNORED].max()}", why, MEND)
    return np.where(value == IGNORED, IGNORE, value)
