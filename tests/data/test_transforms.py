"""Transforms: image and targets move together, and values follow the geometry."""

from collections.abc import Mapping

import pytest
import torch
from src.tasks.depth import Depth
from src.tasks.normal import Normal
from src.tasks.semantic import Semantic
from torch import Tensor

from src.data.transforms.base import TRANSFORMS, Batch
from src.data.transforms.chain import Chain
from src.data.transforms.scale_flip import ScaleFlip
from src.foundation.errors import UserError
from src.tasks.base import Task

TASKS = {"semantic": Semantic(13), "depth": Depth(), "normal": Normal()}


def batch(count: int = 8, height: int = 24, width: int = 36) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    semantic = torch.randint(-1, 13, (count, height, width), generator=generator)
    normal = torch.nn.functional.normalize(torch.randn(count, 3, height, width, generator=generator), dim=1)
    depth = torch.rand(count, 1, height, width, generator=generator) * 5 + 1
    depth[:, :, :3] = 0
    image = torch.rand(count, 3, height, width, generator=generator)
    return {"image": image, "semantic": semantic, "depth": depth, "normal": normal}


def test_without_scales_and_flips_nothing_changes() -> None:
    before = batch()
    after = ScaleFlip()(before, TASKS)
    assert all(torch.equal(after[key], before[key]) for key in before)


def test_flipping_twice_is_the_identity_and_once_is_not() -> None:
    before = batch()
    once = ScaleFlip(flip=1.0)(before, TASKS)
    twice = ScaleFlip(flip=1.0)(once, TASKS)
    assert not torch.equal(once["semantic"], before["semantic"])
    for key in before:
        torch.testing.assert_close(twice[key], before[key])


def test_a_flipped_normal_points_the_other_way_in_x_only() -> None:
    before = batch()
    after = ScaleFlip(flip=1.0)(before, TASKS)["normal"].flip(-1)
    torch.testing.assert_close(after[:, 0], -before["normal"][:, 0])
    torch.testing.assert_close(after[:, 1:], before["normal"][:, 1:])


def test_each_image_draws_its_own_flip() -> None:
    before = batch(64)
    torch.manual_seed(0)
    after = ScaleFlip(flip=0.5)(before, TASKS)
    flipped = [not torch.equal(a, b) for a, b in zip(before["image"], after["image"], strict=True)]
    assert 16 < sum(flipped) < 48


def test_depth_is_divided_by_the_scale_and_stays_invalid_where_it_was() -> None:
    values = batch()
    values["depth"] = torch.full_like(values["depth"], 3.0)
    values["depth"][:, :, ::2] = 0
    torch.manual_seed(0)
    after = ScaleFlip(scales=[1.5])(values, TASKS)["depth"]
    assert sorted(after.unique().tolist()) == pytest.approx([0, 2.0])


def test_image_and_targets_are_cropped_alike() -> None:
    """Every modality carries the same column number: after any crop they must still agree."""
    count, height, width = 6, 24, 36
    column = torch.arange(width).float().expand(count, height, width)
    values = {
        "image": column[:, None].expand(-1, 3, -1, -1).clone(),
        "semantic": column.long().clone(),
        "depth": column[:, None].clone() + 1,
        "normal": torch.nn.functional.normalize(torch.stack((column, column * 0 + 1, column * 0 + 1), dim=1), dim=1),
    }
    torch.manual_seed(1)
    after = ScaleFlip(scales=[1.2, 1.5])(values, TASKS)
    image = after["image"][:, 0]
    assert (image - after["semantic"]).abs().max() <= 0.5 + 1e-3  # nearest against bilinear
    ratio = (after["semantic"] + 1) / after["depth"][:, 0]  # the scale of each image
    assert torch.allclose(ratio.amin(dim=(1, 2)), ratio.amax(dim=(1, 2)))
    assert {round(r, 3) for r in ratio.amax(dim=(1, 2)).tolist()} <= {1.2, 1.5}
    torch.testing.assert_close(
        after["normal"][:, 0] / after["normal"][:, 1], after["semantic"].float(), rtol=1e-4, atol=1e-3
    )
    span = image.amax(dim=(1, 2)) - image.amin(dim=(1, 2))
    assert torch.allclose(span, (width - 1) / ratio.amax(dim=(1, 2)), atol=1.2)


def test_depth_of_a_scaled_crop_agrees_with_a_camera_that_is_nearer() -> None:
    """A wall at distance d, enlarged by s about the centre, is the same wall at d / s seen by the same camera."""
    size, texture_scale, distance, scale = (48, 64), 4.0, 3.0, 1.5

    def view(at: float) -> tuple[Tensor, Tensor]:
        x = (torch.arange(size[1]) + 0.5 - size[1] / 2) / size[1] * at
        row = torch.sin(x * texture_scale)
        image = row.expand(1, 3, *size).clone()
        return image, torch.full((1, 1, *size), at)

    image, depth = view(distance)
    values = {
        "image": image,
        "semantic": torch.zeros(1, *size, dtype=torch.long),
        "depth": depth,
        "normal": torch.zeros(1, 3, *size),
    }
    augmentation = ScaleFlip(scales=[scale])
    torch.manual_seed(0)
    best = min(
        ((a["image"] - view(distance / scale)[0]).abs().max().item(), a["depth"].unique().tolist())
        for a in (augmentation(values, TASKS) for _ in range(200))
    )
    assert best[0] < 0.05  # one of the random crops is near the centre
    assert best[1] == pytest.approx([distance / scale])


def test_scales_below_one_are_refused() -> None:
    with pytest.raises(UserError, match=r"scales.*0.5 is not at least 1"):
        TRANSFORMS.build({"_target_": "scale_flip", "scales": [0.5, 1.0]})


def test_the_views_of_a_subclass_that_augments_in_its_own_way_are_unknown_until_it_counts_them() -> None:
    class Brighter(ScaleFlip):
        def __call__(self, batch: Batch, tasks: Mapping[str, Task]) -> Batch:
            values = super().__call__(batch, tasks)
            return values | {"image": values["image"] + torch.rand(())}

    class Inverted(ScaleFlip):
        def __call__(self, batch: Batch, tasks: Mapping[str, Task]) -> Batch:
            values = super().__call__(batch, tasks)
            return values | {"image": -values["image"]}

        def count_views(self) -> int | None:
            return super().count_views()

    class Renamed(ScaleFlip):
        pass

    for flip, views in ((0.0, 1), (0.5, 2)):
        assert ScaleFlip(flip=flip).views == Renamed(flip=flip).views == Inverted(flip=flip).views == views
        assert Brighter(flip=flip).views is None
    assert ScaleFlip([1.0, 1.2], flip=0.5).views is None
    numbered = batch(4) | {"view": torch.arange(4)}
    assert "view" in Chain([Inverted(flip=0.5)])(numbered, TASKS)
    assert "view" not in Chain([Brighter(flip=0.5)])(numbered, TASKS)
