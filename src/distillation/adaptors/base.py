"""What builds the adaptors of a level: one at a time, or together where tasks share weights."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from torch import nn

from src.foundation.registry import Registry

ADAPTORS = Registry("adaptor", "src.distillation.adaptors", given=("channels_in", "channels_out"))
"""Functions from the channels of student and teacher to a module, or classes of SharedAdaptor."""
BuildAdaptor = Callable[[int, int], nn.Module]


class SharedAdaptor(ABC):
    """An adaptor whose tasks share weights at a level."""

    @abstractmethod
    def build(self, channels_in: int, channels_out: Mapping[str, int]) -> dict[str, nn.Module]:
        """Build one level's adaptors, by teacher, from the student's channels and each teacher's."""


def adaptors_of_level(
    build: BuildAdaptor | SharedAdaptor, channels_in: int, channels_out: Mapping[str, int]
) -> dict[str, nn.Module]:
    """Build one level's adaptors, by teacher; each has weights of its own unless ``build`` shares them."""
    if isinstance(build, SharedAdaptor):
        return build.build(channels_in, channels_out)
    return {teacher: build(channels_in, width) for teacher, width in channels_out.items()}
