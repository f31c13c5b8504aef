"""The description of a packed store: ``manifest.json``."""

import json
from dataclasses import asdict, dataclass, field, replace

from src.data.store.statistics import MapStatistics
from src.modalities.base import Modality

FORMAT = 2
MANIFEST = "manifest.json"
CONTACT_SHEET = "contact_sheet.png"


@dataclass(frozen=True)
class ArrayFile:
    """One .npy file of a store; ``crc32`` is of the whole file, -1 while it is being written."""

    file: str
    dtype: str
    shape: tuple[int, ...]
    bytes: int
    crc32: int = -1


@dataclass(frozen=True)
class Split:
    """The frames of a split, in order, and one array per modality whose rows they are."""

    count: int
    frames: tuple[str, ...]
    arrays: dict[str, ArrayFile]


@dataclass(frozen=True)
class Manifest:
    """Contents of a store: size (H, W), modalities by name, source, splits, and what was measured of each by split."""

    format: int
    dataset: str
    size: tuple[int, int]
    modalities: dict[str, Modality]
    source: str
    splits: dict[str, Split]
    statistics: dict[str, dict[str, MapStatistics]] = field(default_factory=dict)

    def to_json(self) -> str:
        """Write the manifest as JSON."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    def without_checksums(self) -> "Manifest":
        """Return the manifest as it was before the arrays were filled."""
        splits = {
            name: replace(split, arrays={key: replace(file, crc32=-1) for key, file in split.arrays.items()})
            for name, split in self.splits.items()
        }
        return replace(self, splits=splits, statistics={})

    def with_measured(self, modalities: dict[str, Modality]) -> "Manifest":
        """Return the manifest with what was measured of ``modalities``, where it declares the same."""
        taken = {
            name: replace(own, weights=modalities[name].weights, shown=own.shown or modalities[name].shown)
            if name in modalities
            else own
            for name, own in self.modalities.items()
        }
        return replace(self, modalities=taken)
