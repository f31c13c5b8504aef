"""Maps that few pictures have anything in are no mistake: the survey looks further before it refuses."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from src.data.sources.base import SPLITS, by_name
from src.data.survey.survey import survey
from src.foundation.errors import UserError
from src.modalities.base import Modality
from src.modalities.known import IMAGE

PARTS = Modality(name="parts", kind="classes", names=("arm", "leg"))
SIZE = (8, 12)


@dataclass
class Persons:
    """Frames of which one in ``rare`` has labels; the others are ignored as a whole."""

    rare: int
    description: str = "persons"
    modalities: dict[str, Modality] = field(default_factory=lambda: by_name(IMAGE, PARTS))
    splits: tuple[str, ...] = SPLITS
    read_frames: set[tuple[str, int]] = field(default_factory=set)

    def frames(self, split: str) -> list[str]:
        return [f"{split}-{index}" for index in range(200)]

    def read(self, split: str, index: int, size: tuple[int, int]) -> dict[str, np.ndarray]:
        self.read_frames.add((split, index))
        draw = np.random.default_rng([index, split == "test"])
        parts = draw.integers(0, 2, size) if index % self.rare == 1 else np.full(size, -1)
        return {"image": draw.integers(0, 256, (*size, 3), np.uint8), "parts": parts}


def test_labels_in_few_frames_are_found() -> None:
    source = Persons(rare=23)
    assert survey(source, SIZE, ()) == []
    assert len(source.read_frames) > 16


def test_no_more_frames_are_read_than_needed() -> None:
    source = Persons(rare=10**6)
    with pytest.raises(UserError, match="parts has no valid pixel in train"):
        survey(source, SIZE, ())
    assert len(source.read_frames) < 150
    usual = Persons(rare=7)
    survey(usual, SIZE, ())
    assert {split for split, _ in usual.read_frames} == set(SPLITS)
