"""Label tables and the official split."""

import numpy as np
import pytest
from src.data.labels.base import LabelSet

from src.data.labels.nyuv2 import NYUV2_13, NYUV2_40, RAW_NAMES, forty_to_thirteen, raw_to_forty
from src.data.labels.nyuv2_split import official_split
from src.visual.palette import spread_colours

# sizes of the 40 classes in the published map of 894: one raw class each, apart from the three collecting ones
COLLECTING = {"otherstructure": 68, "otherfurniture": 82, "otherprop": 707}


def test_every_raw_class_has_one_of_forty_and_sizes_are_the_published_ones() -> None:
    forty = raw_to_forty(np.arange(1, 895))
    assert forty.dtype == np.int8
    counts = dict(zip(NYUV2_40.names, np.bincount(forty, minlength=40).tolist(), strict=True))
    assert counts == {name: COLLECTING.get(name, 1) for name in NYUV2_40.names}


def test_raw_classes_go_to_the_class_of_their_name() -> None:
    for raw, name in RAW_NAMES.items():
        assert NYUV2_40.names[int(raw_to_forty(np.array(raw)))] == name


@pytest.mark.parametrize(
    ("forty", "thirteen"),
    [("wall", "wall"), ("door", "wall"), ("floor mat", "floor"), ("desk", "table"), ("blinds", "window"),
     ("television", "tv"), ("night stand", "furniture"), ("otherfurniture", "furniture"), ("otherprop", "objects"),
     ("otherstructure", "objects"), ("pillow", "objects"), ("mirror", "objects"), ("books", "books")],
)  # fmt: skip
def test_forty_to_thirteen(forty: str, thirteen: str) -> None:
    index = np.array([[NYUV2_40.names.index(forty)]])
    assert NYUV2_13.names[forty_to_thirteen(index)[0, 0]] == thirteen


def test_unlabelled_stays_unlabelled() -> None:
    assert raw_to_forty(np.zeros(3, np.uint16)).tolist() == [-1] * 3
    assert forty_to_thirteen(np.full(3, -1, np.int8)).tolist() == [-1] * 3


def test_thirteen_are_all_reached_in_the_usual_order() -> None:
    assert set(forty_to_thirteen(np.arange(40)).tolist()) == set(range(13))
    assert list(NYUV2_13.names) == sorted(NYUV2_13.names)


def test_official_split_covers_all_frames_once() -> None:
    split = official_split()
    assert (len(split["train"]), len(split["test"])) == (795, 654)
    assert sorted(split["train"] + split["test"]) == list(range(1, 1450))
    assert split["test"][:4] == [1, 2, 9, 14]
    assert split["test"][-1] == 1449


@pytest.mark.parametrize("labels", [NYUV2_13, NYUV2_40])
def test_colours_are_distinct(labels: LabelSet) -> None:
    assert len(set(labels.colours)) == len(labels.names) == len(set(labels.names))


def test_a_label_set_pairs_names_and_colours() -> None:
    with pytest.raises(ValueError, match="2 class names but 3 colours"):
        LabelSet(("a", "b"), spread_colours(3))
