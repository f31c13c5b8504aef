"""What a check finds, and the names of all checks."""

from dataclasses import dataclass
from typing import Literal

Check = Literal[
    "constant",
    "depth_mark",
    "depth_range",
    "image_range",
    "normal_axes",
    "normal_range",
    "normal_sign",
    "not_finite",
    "nothing_valid",
    "one_class",
    "out_of_range",
    "rounded_to_zero",
    "shared_frames",
]
"""The names that ``accept`` takes."""

SHARE = 0.01
"""Share of values from which on they are no exceptions."""


@dataclass(frozen=True)
class Finding:
    """What a check found: its name, the modality and what was seen, why that cannot be, how it is corrected."""

    check: Check
    what: str
    why: str
    mend: str
