"""Mistakes in transforms are found and told."""

import random
from collections.abc import Mapping

import pytest
import torch
from torch.nn import functional

from src.data.transforms.base import TRANSFORMS, Batch, Transform
from src.data.transforms.scale_flip import ScaleFlip
from src.tasks.base import Task
from tests.contracts.findings import broken

Tasks = Mapping[str, Task]


@TRANSFORMS.register()
class Colours(Transform):
    """Brightness and contrast, as it should be."""

    def __call__(self, batch: Batch, tasks: Tasks) -> Batch:
        factor = 0.5 + torch.rand(len(batch["image"]), 1, 1, 1)
        return batch | {"image": (batch["image"] * factor + 0.1).clamp(0, 1)}


@TRANSFORMS.register()
class FlipsImagesOnly(Transform):
    def __call__(self, batch: Batch, tasks: Tasks) -> Batch:
        flipped = batch["image"].flip(-1) if torch.rand(()) < 0.5 else batch["image"]
        return {name: value for name, value in batch.items() if name != "view"} | {"image": flipped}


@TRANSFORMS.register()
class CropsImagesOnly(Transform):
    """What is enlarged by 1.2 is the image alone."""

    def __call__(self, batch: Batch, tasks: Tasks) -> Batch:
        image = batch["image"]
        theta = torch.tensor([[1 / 1.2, 0, 0], [0, 1 / 1.2, 0]]).expand(len(image), 2, 3)
        grid = functional.affine_grid(theta, list(image.shape), align_corners=False)
        cropped = functional.grid_sample(image, grid, align_corners=False)
        return {name: value for name, value in batch.items() if name != "view"} | {"image": cropped}


@TRANSFORMS.register()
class Blends(Transform):
    def __call__(self, batch: Batch, tasks: Tasks) -> Batch:
        out = {}
        for name in ("image", *tasks):
            value = batch[name] if batch[name].ndim == 4 else batch[name][:, None]
            moved = functional.avg_pool2d(value.float(), 3, stride=1, padding=1, count_include_pad=False).to(
                value.dtype
            )
            out[name] = moved if batch[name].ndim == 4 else moved[:, 0]
        return out


@TRANSFORMS.register()
class Reveals(Transform):
    def __call__(self, batch: Batch, tasks: Tasks) -> Batch:
        return {n: v for n, v in batch.items() if n != "view"} | {n: batch[n].abs() for n in tasks if n == "semantic"}


@TRANSFORMS.register()
class DrawsElsewhere(Transform):
    def __call__(self, batch: Batch, tasks: Tasks) -> Batch:
        return {n: v for n, v in batch.items() if n != "view"} | {"image": batch["image"] * random.random()}


@TRANSFORMS.register()
class Crops(Transform):
    def __call__(self, batch: Batch, tasks: Tasks) -> Batch:
        return {name: batch[name][..., 1:] for name in ("image", *tasks)}


@TRANSFORMS.register()
class LosesTargets(Transform):
    def __call__(self, batch: Batch, tasks: Tasks) -> Batch:
        return {"image": batch["image"]}


@TRANSFORMS.register()
class CountsOneView(ScaleFlip):
    def __init__(self) -> None:
        super().__init__(flip=0.5)

    def __call__(self, batch: Batch, tasks: Tasks) -> Batch:
        out = super().__call__({name: value for name, value in batch.items() if name != "view"}, tasks)
        return out | ({"view": batch["view"]} if "view" in batch else {})

    def count_views(self) -> int | None:
        return 1


@TRANSFORMS.register()
class UpsideDown(Transform):
    """Two views, of which the second is no mirror image."""

    def __call__(self, batch: Batch, tasks: Tasks) -> Batch:
        chosen = torch.rand(len(batch["image"])) < 0.5
        turned = {
            name: torch.where(chosen.view(-1, *[1] * (batch[name].ndim - 1)), batch[name].flip(-2), batch[name])
            for name in ("image", *tasks)
        }
        return turned | ({"view": 2 * batch["view"] + chosen} if "view" in batch else {})

    def count_views(self) -> int | None:
        return 2


@TRANSFORMS.register()
class TooBright(Transform):
    def __call__(self, batch: Batch, tasks: Tasks) -> Batch:
        return batch | {"image": batch["image"] * 1.2}


@TRANSFORMS.register()
class ForgetsTheView(ScaleFlip):
    def __init__(self) -> None:
        super().__init__(flip=0.5)

    def __call__(self, batch: Batch, tasks: Tasks) -> Batch:
        return {name: value for name, value in super().__call__(batch, tasks).items() if name != "view"}

    def count_views(self) -> int | None:
        return 2


def test_a_transform_of_ones_own_holds() -> None:
    assert broken("transform", f"{__name__}.colours") == {}


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("flips_images_only", {"moves_together": "an image and a target that showed the same correlate by"}),
        ("crops_images_only", {"moves_together": "an image and a target that showed the same correlate by"}),
        ("blends", {"labels_are_not_blended": "of labels 0 and 2 it makes"}),
        ("reveals", {"invalid_stays": "4608 pixels of semantic have a label"}),
        ("draws_elsewhere", {"global_generator": "image drawn twice from seed 0: "}),
        ("crops", {"keeps_shapes": "image is float32 (3, 3, 32, 47), and was float32 (3, 3, 32, 48)"}),
        ("loses_targets", {"keeps_shapes": "it returns image of image, semantic, depth, normal"}),
        (
            "counts_one_view",
            {"views_are_counted": "two images with view 0: ", "views_are_those_of_the_cache": ""},
        ),
        ("upside_down", {"views_are_those_of_the_cache": "the second view, and its mirror image: "}),
        ("too_bright", {"stays_in_range": "an image ranges from 0"}),
        (
            "forgets_the_view",
            {
                "views_are_counted": "there is no `view`, but 2 views are declared",
                "views_are_those_of_the_cache": "the first view, and the image: ",
            },
        ),
    ],
)
def test_a_mistake_in_a_transform_is_told(name: str, seen: dict[str, str]) -> None:
    found = broken("transform", f"{__name__}.{name}")
    assert set(found) == set(seen), found
    for key, words in seen.items():
        assert words in found[key], found[key]
