"""NYUv2 in whichever form it is on the disk."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from src.data.files.listing import in_wrapping_folder, told
from src.data.files.opening import reachable
from src.data.sources.base import SOURCES, Source
from src.data.sources.nyuv2_folder import PicturesNyuv2
from src.data.sources.nyuv2_mat import ADDRESS, OfficialNyuv2
from src.data.sources.nyuv2_mtan import MtanNyuv2
from src.foundation.errors import UserError

Scale = Annotated[
    Annotated[float, Field(gt=0)] | None, Field(description="value of a depth picture per metre; null: by its bits")
]
OFFICIAL = "nyu_depth_v2_labeled.mat"
COMMAND = "python -m src.prepare dataset=nyuv2 source="
FORMS = (
    f"{OFFICIAL}, or a folder that holds it",
    "MTAN's folder: {train,val}/{image,label,depth,normal}/0.npy ...",
    "pictures: {train,test}/{image,depth,label13}/NAME.png ... (normal, label40 if there)",
)


@SOURCES.register("nyuv2")
def open_nyuv2(
    path: Annotated[str | None, Field(description="the official .mat file, or a folder")],
    depth_scale: Scale = None,
) -> Source:
    """Find out which of the three forms of NYUv2 is at ``path``.

    Args:
        path: the official .mat file or a folder.
        depth_scale: value per metre of depth in a folder of pictures.

    Raises:
        UserError: there is no such path, or nothing there that is known, or it is incomplete.
    """
    if path is None:
        raise UserError("NYUv2 is not drawn, it has to be given", _looked_for(), f"{COMMAND}PATH  # {ADDRESS}")
    root = Path(path).expanduser()
    if not reachable(root):
        raise UserError(f"there is no {root}", _looked_for(), f"{COMMAND}PATH")
    root = in_wrapping_folder(root, (OFFICIAL, "train", "val"))
    official = root if root.suffix == ".mat" else root / OFFICIAL
    official_there = (root.is_dir() or official == root) and reachable(official)
    pictures = not official_there and (root / "train/image").is_dir() and not (root / "val/image").is_dir()
    if depth_scale is not None and not pictures:
        what = "depth_scale is for a folder of pictures"
        raise UserError(what, f"{root} is not one", "leave dataset.source.depth_scale out")
    if official_there:
        return OfficialNyuv2(official)
    if pictures:
        return PicturesNyuv2(root, depth_scale)
    if (root / "train/image").is_dir():
        return MtanNyuv2(root)
    raise UserError(f"no NYUv2 in {root}", f"{_looked_for()}\n        found: {told(root)}", f"{COMMAND}PATH")


def _looked_for() -> str:
    return "looked for " + "\n        or ".join(FORMS)
