"""Cityscapes in whichever form it is on the disk."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from src.data.files.listing import in_wrapping_folder, told
from src.data.files.opening import reachable
from src.data.sources.base import SOURCES, Source
from src.data.sources.cityscapes_mtan import MODALITIES, MtanCityscapes
from src.data.sources.cityscapes_official import ENDINGS, OfficialCityscapes
from src.foundation.errors import UserError

COMMAND = "python -m src.prepare dataset=cityscapes source=FOLDER"
LOOKED_FOR = (
    f"looked for the official packages {', '.join(ENDINGS)}, as folders or as PACKAGE_trainvaltest.zip"
    f"\n        or MTAN's folder: {{train,val}}/{{{','.join(MODALITIES)}}}/0.npy ..."
)


@SOURCES.register("cityscapes")
def open_cityscapes(
    path: Annotated[str | None, Field(description="folder of the official packages, or MTAN's")],
    subset: Annotated[bool, Field(description="take fewer frames than the official 2975 and 500")] = False,
) -> Source:
    """Find out which form of Cityscapes is at ``path``: the official packages, or MTAN's folder.

    Args:
        path: a folder.
        subset: take fewer frames than the official 2975 and 500.

    Raises:
        UserError: there is no such folder, or nothing there that is known, or it is incomplete.
    """
    if path is None:
        raise UserError("Cityscapes is not drawn, it has to be given", LOOKED_FOR, COMMAND)
    root = Path(path).expanduser()
    if not (reachable(root) and root.is_dir()):
        raise UserError(f"there is no folder {root}", LOOKED_FOR, COMMAND)
    packages = [f"{name}{ending}" for name in ENDINGS for ending in ("", "_trainvaltest", "_trainvaltest.zip")]
    root = in_wrapping_folder(root, [*packages, "train", "val"])
    if any((root / package).exists() for package in packages):
        return OfficialCityscapes(root, subset)
    if any((root / split / kind).is_dir() for split in ("train", "val") for kind in MODALITIES):
        return MtanCityscapes(root, subset)
    raise UserError(f"no Cityscapes in {root}", f"{LOOKED_FOR}\n        found: {told(root)}", COMMAND)
