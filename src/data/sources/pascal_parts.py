"""Parts of persons in the .mat files of PASCAL-Part."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from src.data.files.matlab import MEND, read_matlab
from src.data.labels.pascal_context import PART_OF, PERSON
from src.foundation.errors import UserError
from src.modalities.base import IGNORE

OBJECTS = 1
"""Which field of ``anno`` holds the objects."""
CLASS, PARTS = 1, 3
"""Which fields of an object hold its class of VOC, and its parts: records of a name and a mask (H, W)."""


def read_human_parts(path: Path, shape: tuple[int, int]) -> np.ndarray:
    """Read the parts of all persons of an image of ``shape`` (H, W) as classes int16, 0 where there is none.

    An image without a part of a person is ignored as a whole, as in the public loaders; of parts that overlap the later
    one is seen.

    Raises:
        UserError: the file is not one of PASCAL-Part's, or its masks are of another size.
    """
    target = np.zeros(shape, np.int16)
    for name, mask in _parts(path):
        if name not in PART_OF:
            raise UserError(f"{path} holds the part {name}", f"parts of a person are {', '.join(PART_OF)}", MEND)
        if mask.shape != shape:
            why = f"its masks have {mask.shape}, the image has {shape}"
            raise UserError(f"{path} does not fit its image", why, MEND)
        target[mask != 0] = PART_OF[name]
    return target if target.any() else np.full(shape, IGNORE, np.int16)


def _parts(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the name and the mask of every part of every person."""
    annotation: Any = read_matlab(path, ["anno"], records=True)["anno"]
    try:
        for thing in annotation[0, 0][OBJECTS].ravel():
            if int(thing[CLASS].item()) == PERSON:
                for name, mask in thing[PARTS].ravel():
                    yield str(name.item()), np.asarray(mask)
    except (IndexError, TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{path} is no file of PASCAL-Part", f"anno is not as it should be: {error}", MEND) from error
