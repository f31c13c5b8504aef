"""Panels with the legends below them."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from src.modalities.base import Modality
from src.modalities.known import EDGES, NORMAL, depth, labels
from src.tasks.base import Task
from src.tasks.binary import Binary
from src.tasks.classes import Classes
from src.tasks.panels import draw_panel
from src.tasks.scalar import Scalar
from src.tasks.vector import Vector
from src.visual.legends import Key, Legend, Patch, Strip
from src.visual.panels import CAPTION, MARGIN, draw_grid

HEIGHT = Modality(name="height", kind="scalar", unit="m above the ground")


def scored(classes: Tensor, count: int) -> Tensor:
    """Logits whose largest is that of each pixel's class."""
    return torch.nn.functional.one_hot(classes.clamp(min=0), count).movedim(-1, 0).float()


def legend_of(task: Task, *maps: Any) -> Legend:
    arrays = [np.asarray(each) for each in maps]
    found = task.drawn_like(arrays).legend(arrays)
    assert found is not None
    return found


def patches(legend: Legend) -> list[str]:
    return [entry.name for entry in legend.entries if isinstance(entry, Patch)]


def panel(task: Task, truth: Tensor | None, prediction: Tensor) -> Image.Image:
    size = (*prediction.shape[-2:], 3)
    targets = {} if truth is None else {task.name: truth}
    return draw_panel(np.zeros(size, np.uint8), {task.name: prediction}, targets, {task.name: task})


def cells(drawn: Image.Image, size: tuple[int, int]) -> list[np.ndarray]:
    """Cut the cells out of a panel of one row whose maps are not enlarged and captions of usual size."""
    pixels = np.asarray(drawn)[MARGIN + CAPTION : MARGIN + CAPTION + size[0]]
    return [pixels[:, MARGIN + i * (size[1] + MARGIN) :][:, : size[1]] for i in range(4)]


def test_classes_that_occur_are_named_the_largest_first() -> None:
    task = Classes(labels("label5", ("a", "b", "c", "d", "e")))
    legend = legend_of(task, [[3, 3, 3, 0]], [[1, 1, 3, 3]])
    assert patches(legend) == ["d", "b", "a"]
    assert [entry.colour for entry in legend.entries if isinstance(entry, Patch)] == [
        task.modality.colours[index] for index in (3, 1, 0)
    ]
    assert legend.more == 0
    assert patches(legend_of(task, [[2, -1]])) == ["c", "no label"]


@pytest.mark.parametrize("count", [3, 40, 32_000])
def test_many_classes_are_counted(count: int) -> None:
    task = Classes(labels("many", tuple(f"class {i}" for i in range(count))))
    classes = np.arange(200 * 300).reshape(200, 300) % count
    legend = legend_of(task, classes)
    assert len(patches(legend)) == min(count, 24)
    assert legend.more == max(0, count - 24)


def test_a_scalar_shows_the_ends_of_its_range_and_its_unit() -> None:
    (strip,) = legend_of(Scalar(HEIGHT), np.linspace(-2, 8, 10_001)[None]).entries
    assert isinstance(strip, Strip)
    assert (float(strip.low), strip.high.partition(" ")[2]) == (pytest.approx(-2, abs=0.2), "m above the ground")
    assert float(strip.high.partition(" ")[0]) == pytest.approx(8, abs=0.2)
    colours = strip.colours.sum(-1, dtype=int)
    assert (np.diff(colours) >= 0).all()  # as in the map, the large are bright
    (of_depth, missing) = legend_of(Scalar(depth("cm")), np.array([[0.0, 300.0]])).entries
    assert isinstance(of_depth, Strip)
    assert (of_depth.low, of_depth.high) == ("0", "1000 cm")
    assert of_depth.colours.min(axis=1).max() > 0  # 0 marks what is not valid, but the strip is whole
    assert isinstance(missing, Patch)


@pytest.mark.parametrize("value", [0.0, 21.5, -3.0])
def test_a_map_of_one_value_has_a_range(value: float) -> None:
    strip = legend_of(Scalar(HEIGHT), np.full((4, 6), value)).entries[0]
    assert isinstance(strip, Strip)
    assert float(strip.low) < value < float(strip.high.split()[0])


def test_truth_and_prediction_share_the_range_of_the_truth() -> None:
    task, size = Scalar(HEIGHT), (40, 192)
    truth = torch.linspace(0, 10, 40 * 192).view(1, *size)
    _, drawn, prediction, _ = cells(panel(task, truth, truth * 2 + 5), size)
    assert (drawn != prediction).any(-1).mean() > 0.9
    _, drawn, prediction, _ = cells(panel(task, truth, truth), size)
    assert (drawn == prediction).all()
    nothing = torch.full((1, *size), float("nan"))
    _, drawn, prediction, _ = cells(panel(task, nothing, truth), size)
    assert drawn.max() == 0
    assert len(np.unique(prediction.reshape(-1, 3), axis=0)) > 50


def test_vectors_have_a_key_and_binary_maps_greys() -> None:
    key = legend_of(Vector(NORMAL), np.ones((3, 4, 6)))
    (entry,) = key.entries
    assert isinstance(entry, Key)
    side = len(entry.picture) - 1
    left, right = entry.picture[side // 2, 2], entry.picture[side // 2, side - 2]
    top, bottom = entry.picture[2, side // 2], entry.picture[side - 2, side // 2]
    assert right[0] > 240 > 20 > left[0]  # red is x
    assert top[1] > 240 > 20 > bottom[1]  # green is y
    assert entry.picture[side // 2, side // 2, 2] > 250  # blue is z
    flat = legend_of(Vector(Modality(name="flow", kind="vector", channels=2)), np.ones((2, 4, 6))).entries[0]
    assert isinstance(flat, Key)
    assert "z" not in flat.words
    strip, unknown = legend_of(Binary(EDGES), [[0.0, 1.0, -1.0]]).entries
    assert isinstance(strip, Strip)
    assert (strip.low, strip.high) == ("0", "1")
    assert isinstance(unknown, Patch)


@pytest.mark.parametrize(("size", "count"), [((32, 48), 3), ((64, 96), 40), ((24, 400), 40), ((8, 12), 32_000)])
def test_a_panel_shows_the_colours_of_its_classes_below_the_maps(size: tuple[int, int], count: int) -> None:
    task = Classes(labels("many", tuple(f"{'long ' * 30}{i}" for i in range(count))))
    classes = torch.arange(size[0] * size[1]).view(size) % count
    drawn = panel(task, None, scored(classes, count))
    bare = draw_grid({"many": {"input": np.zeros((*size, 3), np.uint8)}}, ["input"], size)
    assert drawn.width == 2 * bare.width - MARGIN
    below = np.asarray(drawn)[bare.height :].reshape(-1, 3)
    shown = {tuple(colour) for colour in below.tolist()}
    largest = patches(legend_of(task, classes.numpy()))
    colours = {task.modality.colours[task.modality.names.index(name)] for name in largest}
    assert colours <= shown


@pytest.mark.parametrize("name", ["", "\x1b[31mred\n\0", "\ud800", "木の机", "x" * 10_000, "\u202eabc", "<b>&"])
def test_any_name_is_drawn(name: str) -> None:
    task = Classes(labels("odd", (name, "usual")))
    drawn = panel(task, torch.tensor([[0, 1, -1]] * 3), scored(torch.tensor([[0, 1, 1]] * 3), 2))
    assert drawn.width < 1000


def test_a_task_that_explains_nothing_has_no_legend() -> None:
    class Silent(Scalar):
        def legend(self, maps: Any) -> None:
            return None

    values = torch.rand(1, 32, 48)
    told, silent = (panel(kind(HEIGHT), values, values) for kind in (Scalar, Silent))
    assert silent.height < told.height
