"""The interface of a source of frames."""

from typing import Protocol, runtime_checkable

import numpy as np

from src.foundation.registry import Registry
from src.modalities.base import Modality

SOURCES = Registry("source", "src.data.sources")
"""Classes of sources, and functions that find out which form of a dataset is there."""

SPLITS: tuple[str, ...] = ("train", "test")
"""The splits of most datasets; one may have ``val`` between them."""


class Source(Protocol):
    """Frames to pack; it is pickled into worker processes, so it opens files only when it reads.

    A source may also name, as ``exempt``, checks of ``src.data.survey.finding`` that do not hold for it, such as
    ``normal_sign`` where normals have another convention.

    Attributes:
        description: its kind and place, one line; two sources of the same description make the same store.
        modalities: the maps of its frames, by name; ``image`` is among them.
        splits: ``train``, ``test`` and perhaps ``val``.
    """

    description: str
    modalities: dict[str, Modality]
    splits: tuple[str, ...]

    def frames(self, split: str) -> list[str]:
        """List the ids of the frames of a split, in order."""
        ...

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        """Read a frame at ``size`` (H, W): a map per modality, as ``src.modalities.storing.encode`` takes it."""
        ...


@runtime_checkable
class DescribesItself(Source, Protocol):
    """A source whose own files say the name of the data and the size of their frames.

    Attributes:
        own_name: name of the data in paths and reports.
    """

    own_name: str

    def own_size(self) -> tuple[int, int]:
        """Return the size (H, W) at which to store frames; raises UserError where none follows from the files."""
        ...


def by_name(*modalities: Modality) -> dict[str, Modality]:
    """Return modalities by their names."""
    return {modality.name: modality for modality in modalities}
