"""Mistakes in sources of frames are found and told."""

from typing import ClassVar

import numpy as np
import pytest

from src.data.sources.base import SOURCES, SPLITS, by_name
from src.modalities.base import Modality
from src.modalities.known import IMAGE, NORMAL, depth
from tests.contracts.findings import broken, failures, quick

Frame = dict[str, np.ndarray]


@SOURCES.register()
class Blocks:
    """Random blocks, as it should be; mistakes are made in what inherits from it."""

    description = "blocks"
    modalities: ClassVar[dict[str, Modality]] = by_name(
        IMAGE, Modality(name="label2", kind="classes", names=("ground", "block")), depth(), NORMAL
    )
    splits = SPLITS

    def frames(self, split: str) -> list[str]:
        return [f"{split} {number}" for number in range(3)]

    def read(self, split: str, index: int, size: tuple[int, int]) -> Frame:
        draw = np.random.default_rng([len(split), index])
        mask = draw.random((4, 4)) < 0.5
        label = mask.repeat(size[0] // 4, 0).repeat(size[1] // 4, 1)
        normal = np.where(label[..., None], [0.6, 0.0, 0.8], [0.0, 0.0, 1.0])
        image = draw.integers(0, 255, (*size, 3)).astype(np.uint8)
        return {"image": image, "label2": label.astype(np.int64) - 1 + 1, "depth": label + 1.0, "normal": normal}


@SOURCES.register()
class SharesFrames(Blocks):
    def read(self, split: str, index: int, size: tuple[int, int]) -> Frame:
        return super().read("shared" if index == 0 else split, index, size)


@SOURCES.register()
class RepeatsNames(Blocks):
    def frames(self, split: str) -> list[str]:
        return ["a", "b", "a"]


@SOURCES.register()
class NoTest(Blocks):
    def frames(self, split: str) -> list[str]:
        return super().frames(split) if split == "train" else []


@SOURCES.register()
class OneSize(Blocks):
    def read(self, split: str, index: int, size: tuple[int, int]) -> Frame:
        return super().read(split, index, (32, 64))


@SOURCES.register()
class FloatImages(Blocks):
    def read(self, split: str, index: int, size: tuple[int, int]) -> Frame:
        frame = super().read(split, index, size)
        return frame | {"image": frame["image"] / 255}


@SOURCES.register()
class BeyondItsClasses(Blocks):
    def read(self, split: str, index: int, size: tuple[int, int]) -> Frame:
        frame = super().read(split, index, size)
        return frame | {"label2": frame["label2"] + 1}


@SOURCES.register()
class LooksAway(Blocks):
    def read(self, split: str, index: int, size: tuple[int, int]) -> Frame:
        frame = super().read(split, index, size)
        return frame | {"normal": -frame["normal"]}


@SOURCES.register()
class Flat(Blocks):
    def read(self, split: str, index: int, size: tuple[int, int]) -> Frame:
        return super().read(split, index, size) | {"depth": np.zeros(size)}


@SOURCES.register()
class NeverTheSame(Blocks):
    def read(self, split: str, index: int, size: tuple[int, int]) -> Frame:
        frame = super().read(split, index, size)
        return frame | {"image": np.random.default_rng().integers(0, 255, (*size, 3)).astype(np.uint8)}


@SOURCES.register()
class UnknownMap(Blocks):
    modalities: ClassVar[dict[str, Modality]] = by_name(IMAGE, depth(), NORMAL)


@SOURCES.register()
class Renamed(Blocks):
    modalities: ClassVar[dict[str, Modality]] = {**Blocks.modalities, "label2": NORMAL}


@SOURCES.register()
class HoldsFiles(Blocks):
    def __init__(self) -> None:
        self.read_it = lambda: 0


@SOURCES.register()
class FewerTestArrays(Blocks):
    def read(self, split: str, index: int, size: tuple[int, int]) -> Frame:
        frame = super().read(split, index, size)
        return frame if split == "train" else {name: frame[name] for name in ("image", "depth")}


def test_a_source_of_ones_own_holds() -> None:
    assert broken("dataset", f"{__name__}.blocks") == {}


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("shares_frames", {"no_frame_is_in_both_splits": "train frame train 0 is test frame test 0"}),
        ("repeats_names", {"frames_are_unique": "a are in train more than once"}),
        ("no_test", {"frames_are_unique": "test has no frames"}),
        ("one_size", {"frames_have_the_size": "image of train frame 0 at 48x96 is uint8 (32, 64, 3)"}),
        ("float_images", {"arrays_have_their_types": "image of train frame 0 at 32x64 is float64: an image is uint8"}),
        ("beyond_its_classes", {"values_fit_a_store": "raised UserError: label2 of train frame train 0 holds class 2"}),
        ("looks_away", {"values_fit_a_store": "the mean z of normal of train frame 0 is -0."}),
        ("flat", {"values_fit_a_store": "depth of train frame 0 has no valid pixel"}),
        (
            "never_the_same",
            {"frames_are_the_same_every_time": "image of train frame 0 differs when"},
        ),
        ("unknown_map", {"arrays_have_their_types": "train frame 0 at 32x64 has label2, the modalities are image, de"}),
        ("renamed", {"declares": "the modality label2 bears the name normal"}),
        ("holds_files", {"frames_are_the_same_every_time": "raised AttributeError: "}),
        (
            "fewer_test_arrays",
            {"both_splits_are_alike": "train has depth, image, label2, normal, test has depth, image"},
        ),
    ],
)
def test_a_mistake_in_a_source_is_told(name: str, seen: dict[str, str]) -> None:
    found = broken("dataset", f"{__name__}.{name}")
    assert set(seen) <= set(found), found
    for key, words in seen.items():
        assert words in found[key], found[key]


@pytest.mark.parametrize(
    ("declared", "name", "seen"),
    [
        ({"label": "label3"}, "label_set_is_declared", "label=label3, and the label sets are label2"),
        ({"label": "label2", "classes": 3}, "label_set_is_declared", "label2 has 2 classes, the yaml says 3"),
    ],
)
def test_a_yaml_that_says_something_else_than_its_source_is_told(
    declared: dict[str, object], name: str, seen: str
) -> None:
    config = {"source": {"_target_": f"{__name__}.blocks"}, **declared}
    assert failures(quick("dataset", config)) == {name: seen}
