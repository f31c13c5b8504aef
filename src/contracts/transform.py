"""The contract of a transform."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from src.contracts.base import Contract
from src.contracts.expectations import described, expect, expect_equal
from src.contracts.samples import IMAGES, SIZE, draw_batch, invalid_pixels, usual_tasks
from src.data.transforms.base import TRANSFORMS, Batch, Transform
from src.distillation.cache import TeacherCache
from src.modalities.base import Modality
from src.tasks.base import Task
from src.tasks.scalar import Scalar

DRAWS = 24
ALIKE = 0.7
"""Least correlation of an image, in other colours, with a target that shows the same; of two images it is near 0."""
SAME_PICTURE, SAME_LABELS = "picture", "labels"


SHOWN: dict[str, Task] = {
    name: Scalar(Modality(name=name, kind="scalar", low=0.0, invalid=0.0)) for name in (SAME_PICTURE, SAME_LABELS)
}
"""Tasks whose labels do not change with the scale, so that only movements of pixels change them."""


def _pictures() -> Batch:
    """Draw grey images of smooth noise, with the image itself as one target and with labels 0 and 2 as another."""
    noise = functional.interpolate(torch.randn(IMAGES, 1, 12, 18), SIZE, mode="bicubic", align_corners=False)
    image = (0.5 + 0.15 * noise / noise.std()).clamp(0, 1).expand(-1, 3, -1, -1).clone()
    labels = (torch.rand(IMAGES, 1, *SIZE) < 0.5).float() * 2
    return {"image": image, SAME_PICTURE: image[:, :1].clone(), SAME_LABELS: labels}


def _draw_batch(tasks: Mapping[str, Task]) -> Batch:
    """Draw pictures of all colours, and targets of the usual tasks."""
    batch = draw_batch(tasks)
    return batch | {"image": torch.rand_like(batch["image"])}


def _build(config: Mapping[str, Any]) -> Transform:
    transform: Transform = TRANSFORMS.build(config)
    return transform


TRANSFORM = Contract(_build, Transform)


@TRANSFORM.property(Transform.__call__, required=True)
def keeps_shapes(transform: Transform) -> None:
    """It returns the image and all targets with their shapes, dtypes and devices"""
    expect(isinstance(transform, Transform), f"it is a {type(transform).__name__}, not a Transform")
    tasks = usual_tasks()
    batch = _draw_batch(tasks)
    out = transform(dict(batch), tasks)
    expect(set(out) == set(batch), f"it returns {', '.join(out)} of {', '.join(batch)}")
    for name, before in batch.items():
        same = described(out[name]) == described(before) and out[name].device == before.device
        expect(same, f"{name} is {described(out[name])}, and was {described(before)}")


@TRANSFORM.property(Transform.__call__)
def stays_in_range(transform: Transform) -> None:
    """It keeps pictures within [0, 1]"""
    tasks = usual_tasks()
    for draw in range(DRAWS):
        torch.manual_seed(draw)
        batch = _draw_batch(tasks)
        batch["image"] = batch["image"].round() if draw % 2 else batch["image"]  # the purest colours, and all
        image = transform(batch, tasks)["image"]
        inside = image.min() >= 0 and image.max() <= 1  # false for NaN
        expect(inside, f"an image ranges from {image.min():.3g} to {image.max():.3g}")


@TRANSFORM.property(Transform.__call__)
def moves_together(transform: Transform) -> None:
    """It moves image and targets together"""
    for draw in range(DRAWS):
        torch.manual_seed(draw)
        out = transform(_pictures(), SHOWN)
        for image, target in zip(out["image"].mean(1), out[SAME_PICTURE][:, 0], strict=True):
            alike = torch.corrcoef(torch.stack((image.flatten(), target.flatten())))[0, 1].abs()
            expect(alike > ALIKE, f"an image and a target that showed the same correlate by {alike:.2f} afterwards")


@TRANSFORM.property(Transform.__call__)
def labels_are_not_blended(transform: Transform) -> None:
    """It does not blend labels, which are resampled by nearest neighbour"""
    for draw in range(DRAWS):
        torch.manual_seed(draw)
        labels = transform(_pictures(), SHOWN)[SAME_LABELS]
        others = labels[(labels != 0) & (labels != 2)].tolist()
        expect(not others, f"of labels 0 and 2 it makes {len(others)} others, such as {max(others, default=0):.3g}")


@TRANSFORM.property(Task)
def invalid_stays(transform: Transform) -> None:
    """Targets without labels have none afterwards"""
    tasks = usual_tasks()
    for draw in range(DRAWS):
        torch.manual_seed(draw)
        batch = _draw_batch(tasks)
        batch |= {name: torch.full_like(batch[name], task.invalid) for name, task in tasks.items()}
        out = transform(batch, tasks)
        for name, task in tasks.items():
            labelled = int((~invalid_pixels(task, out[name])).sum())
            expect(labelled == 0, f"{labelled} pixels of {name} have a label")


@TRANSFORM.property(Transform)
def global_generator(transform: Transform) -> None:
    """It draws from torch's global generator: the same seed gives the same batch"""
    tasks = usual_tasks()
    batch = _draw_batch(tasks)
    for seed in range(DRAWS):
        outs = []
        for _ in range(2):
            torch.manual_seed(seed)
            outs.append(transform({name: value.clone() for name, value in batch.items()}, tasks))
        for name in batch:
            expect_equal(outs[1][name], outs[0][name], f"{name} drawn twice from seed {seed}")


@TRANSFORM.property(Transform.views)
def views_are_counted(transform: Transform) -> str:
    """`view` numbers an image's views, at most as many as `views` declares"""
    views, seen = transform.views, dict[int, Tensor]()
    batch = _pictures() | {"view": torch.arange(IMAGES)}
    for draw in range(DRAWS if views else 0):
        torch.manual_seed(draw)
        out = transform({name: value.clone() for name, value in batch.items()}, SHOWN)
        out = {"view": batch["view"]} | out if views == 1 else out
        expect("view" in out, f"there is no `view`, but {views} views are declared")
        for index, (number, image) in enumerate(zip(out["view"].tolist(), out["image"], strict=True)):
            expect(number // views == index, f"image {index} has view {number}, with {views} views per image")
            expect_equal(image, seen.setdefault(number, image), f"two images with view {number}")
    return f"{views} declared"


@TRANSFORM.property(TeacherCache)
def views_are_those_of_the_cache(transform: Transform) -> None:
    """View 0 is the image as it is and view 1 its mirror image, as the cache of teachers' features assumes"""
    views = transform.views
    expect(views in (None, 1, 2), f"{views} are declared")
    batch = _pictures() | {"view": torch.arange(IMAGES)}
    for draw in range(DRAWS if views else 0):
        torch.manual_seed(draw)
        out = batch | transform({name: value.clone() for name, value in batch.items()}, SHOWN)
        for number, image, before in zip(out["view"].tolist(), out["image"], batch["image"], strict=True):
            second = bool(number % (views or 1))
            what = "the second view, and its mirror image" if second else "the first view, and the image"
            expect_equal(image, before.flip(-1) if second else before, what)
