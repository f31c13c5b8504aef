"""Every transform with every task: targets follow the pixels, and only pictures change otherwise."""

import pytest
import torch
from torch import Tensor

from src.app.conf import option, options
from src.contracts.parts import find_parts
from src.contracts.samples import built_task, draw_batch
from src.data.transforms.base import TRANSFORMS, Batch, Transform
from src.tasks.base import Task
from tests.tasks.usual import Depth

SEEDS = 6
GEOMETRIC = {"flip", "scale_flip", "resized_crop"}


class Place(Depth):
    """A map of pixels' rows or columns, which tells where each pixel comes from."""

    def rescale(self, target: Tensor, scale: Tensor) -> Tensor:
        return target


@pytest.fixture(scope="module", params=options("transform"))
def transform(request: pytest.FixtureRequest) -> tuple[str, Transform]:
    return request.param, TRANSFORMS.build(option("transform", request.param) or {})


@pytest.fixture(scope="module", params=[*options("task"), "classes", "scalar", "vector", "binary"])
def task(request: pytest.FixtureRequest) -> Task:
    if request.param not in options("task"):
        return built_task({"_target_": request.param, "name": "map"})  # a scalar of its own has NaN where invalid
    (part,) = find_parts({"task": request.param}, {})
    return built_task(part.config)


def places(batch: Batch) -> tuple[Batch, dict[str, Task]]:
    """Maps (N, 1, H, W) of rows, columns and a depth of 1, which becomes 1 / s where an image is enlarged by s."""
    count, _, height, width = batch["image"].shape
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    maps = {"row": rows, "column": columns, "zoom": torch.ones_like(rows)}
    return (
        {name: value.float().expand(count, 1, -1, -1).clone() for name, value in maps.items()},
        {"row": Place(), "column": Place(), "zoom": Depth()},
    )


def test_a_target_has_the_values_of_the_pixels_it_comes_from(transform: tuple[str, Transform], task: Task) -> None:
    name, transformed = transform
    torch.manual_seed(0)
    batch = draw_batch({task.name: task})
    batch["image"] = torch.rand_like(batch["image"])
    maps, following = places(batch)
    moved = False
    for seed in range(SEEDS):
        torch.manual_seed(seed)
        out = transformed(batch | maps, {task.name: task, **following})
        for i in range(len(batch["image"])):
            row, column = out["row"][i, 0].long(), out["column"][i, 0].long()
            nearer = out["zoom"][i, :1, 0, 0]
            for axis, place in ((0, row), (1, column)):
                assert abs(int(place.max() - place.min()) - (place.shape[axis] - 1) * float(nearer)) <= 1
            target = batch[task.name][i : i + 1]
            if mirrored := bool(column[0, 0] > column[0, -1]):
                target, column = task.hflip(target), column.shape[-1] - 1 - column
            expected = task.rescale(target[..., row, column], 1 / nearer)
            torch.testing.assert_close(out[task.name][i : i + 1], expected, rtol=1e-5, atol=1e-6, equal_nan=True)
            moved |= mirrored or not torch.equal(out["row"][i], maps["row"][i])
    assert moved == (name in GEOMETRIC)


def test_a_picture_changes_and_keeps_its_form(transform: tuple[str, Transform]) -> None:
    image = torch.rand(4, 3, 32, 48).contiguous(memory_format=torch.channels_last)
    torch.manual_seed(0)
    out = transform[1]({"image": image.clone()}, {})["image"]
    assert (out.shape, out.dtype) == (image.shape, image.dtype)
    assert not torch.equal(out, image)
    assert 0 <= out.min() <= out.max() <= 1
