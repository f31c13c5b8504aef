"""What a label map means: the names and colours of its classes."""

from dataclasses import dataclass

from src.visual.palette import Colour


@dataclass(frozen=True)
class LabelSet:
    """Names and colours (RGB, 0..255) of classes 0..n-1; -1 is ignored wherever a label map is read."""

    names: tuple[str, ...]
    colours: tuple[Colour, ...]

    def __post_init__(self) -> None:
        """Refuse a set whose names and colours do not pair up."""
        if len(self.names) != len(self.colours):
            raise ValueError(f"{len(self.names)} class names but {len(self.colours)} colours")
