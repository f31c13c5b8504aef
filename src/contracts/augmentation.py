"""The contract of an augmentation."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from src.contracts.base import Contract
from src.contracts.expectations import described, expect, expect_equal
from src.contracts.samples import IMAGES, SIZE, draw_batch, invalid_pixels, usual_tasks
from src.data.transforms.base import AUGMENTATIONS, Augmentation, Batch
from src.distillation.cache import TeacherCache
from src.tasks.base import Task
from src.tasks.depth import Depth

DRAWS = 24
ALIKE = 0.8
"""Correlation of a picture with the target that shows the same; that of two pictures is near 0."""
SAME_PICTURE, SAME_LABELS = "picture", "labels"


class Shown(Depth):
    """A task whose labels no scale changes, so that what an augmentation does to pixels can be seen."""

    def rescale(self, target: Tensor, scale: Tensor) -> Tensor:
        """Return the labels."""
        return target


SHOWN: dict[str, Task] = {name: Shown() for name in (SAME_PICTURE, SAME_LABELS)}


def _pictures() -> Batch:
    """Draw grey pictures of smooth noise, with the same picture as a target, and with labels that are 0 or 2."""
    noise = functional.interpolate(torch.randn(IMAGES, 1, 6, 9), SIZE, mode="bicubic", align_corners=False)
    image = (noise / noise.std()).expand(-1, 3, -1, -1).clone()
    labels = (torch.rand(IMAGES, 1, *SIZE) < 0.5).float() * 2
    return {"image": image, SAME_PICTURE: image[:, :1].clone(), SAME_LABELS: labels}


def _build(config: Mapping[str, Any]) -> Augmentation:
    augmentation: Augmentation = AUGMENTATIONS.build(config)
    return augmentation


AUGMENTATION = Contract(_build, Augmentation)


@AUGMENTATION.states(Augmentation.__call__, needed=True)
def keeps_shapes(augmentation: Augmentation) -> None:
    """It gives an image and the targets of all tasks, of the shapes, types and devices that they had"""
    expect(isinstance(augmentation, Augmentation), f"it is a {type(augmentation).__name__}, which is no Augmentation")
    tasks = usual_tasks()
    batch = draw_batch(tasks)
    out = augmentation(dict(batch), tasks)
    expect(set(out) == set(batch), f"it gives {', '.join(out)} for {', '.join(batch)}")
    for name, before in batch.items():
        same = described(out[name]) == described(before) and out[name].device == before.device
        expect(same, f"{name} is {described(out[name])}, and was {described(before)}")


@AUGMENTATION.states(Augmentation.__call__)
def moves_together(augmentation: Augmentation) -> None:
    """Image and targets move together"""
    for draw in range(DRAWS):
        torch.manual_seed(draw)
        out = augmentation(_pictures(), SHOWN)
        for image, target in zip(out["image"].mean(1), out[SAME_PICTURE][:, 0], strict=True):
            alike = torch.corrcoef(torch.stack((image.flatten(), target.flatten())))[0, 1].abs()
            expect(alike > ALIKE, f"a target that shows the image correlates with it by {alike:.2f} afterwards")


@AUGMENTATION.states(Augmentation.__call__)
def labels_are_not_blended(augmentation: Augmentation) -> None:
    """Labels stay what they were: no value is blended of several, and none is invented"""
    for draw in range(DRAWS):
        torch.manual_seed(draw)
        labels = augmentation(_pictures(), SHOWN)[SAME_LABELS]
        invented = labels[(labels != 0) & (labels != 2)]
        expect(not invented.numel(), f"of labels 0 and 2 come {invented.numel()} others, such as {_first(invented)}")


def _first(values: Tensor) -> str:
    return f"{values.flatten()[0].item():.3g}" if values.numel() else ""


@AUGMENTATION.states(Task)
def invalid_stays(augmentation: Augmentation) -> None:
    """Targets without a label have none afterwards"""
    tasks = usual_tasks()
    for draw in range(DRAWS):
        torch.manual_seed(draw)
        batch = draw_batch(tasks)
        batch |= {name: torch.full_like(batch[name], task.invalid) for name, task in tasks.items()}
        out = augmentation(batch, tasks)
        for name, task in tasks.items():
            labelled = int((~invalid_pixels(task, out[name])).sum())
            expect(labelled == 0, f"{labelled} pixels of {name} have a label")


@AUGMENTATION.states(Augmentation)
def global_generator(augmentation: Augmentation) -> None:
    """It draws from torch's global generator: the same seed gives the same batch"""
    tasks = usual_tasks()
    batch = draw_batch(tasks)
    for seed in range(DRAWS):
        outs = []
        for _ in range(2):
            torch.manual_seed(seed)
            outs.append(augmentation({name: value.clone() for name, value in batch.items()}, tasks))
        for name in batch:
            expect_equal(outs[1][name], outs[0][name], f"{name}, drawn again from seed {seed}")


@AUGMENTATION.states(Augmentation.views)
def views_are_counted(augmentation: Augmentation) -> str:
    """Where `views` are declared, an image comes out in no more ways, and `view` numbers them; else it is left out"""
    views, seen = augmentation.views, dict[int, Tensor]()
    batch = _pictures() | {"view": torch.arange(IMAGES)}
    for draw in range(DRAWS):
        torch.manual_seed(draw)
        out = augmentation({name: value.clone() for name, value in batch.items()}, SHOWN)
        if views is None:
            expect("view" not in out, "`view` is there although views are not counted")
            continue
        expect("view" in out, f"`view` is missing although {views} views are declared")
        for index, (number, image) in enumerate(zip(out["view"].tolist(), out["image"], strict=True)):
            expect(number // views == index, f"image {index} has view {number}, of {views} for each image")
            expect_equal(image, seen.setdefault(number, image), f"an image that has view {number} twice")
    return f"{views} declared"


@AUGMENTATION.states(TeacherCache)
def views_are_those_of_the_cache(augmentation: Augmentation) -> None:
    """Where `views` are declared, they are the image as it is and, as the second, its mirror image"""
    views = augmentation.views
    expect(views in (None, 1, 2), f"{views} are declared")
    batch = _pictures() | {"view": torch.arange(IMAGES)}
    for draw in range(DRAWS if views else 0):
        torch.manual_seed(draw)
        out = augmentation({name: value.clone() for name, value in batch.items()}, SHOWN)
        for number, image, before in zip(out["view"].tolist(), out["image"], batch["image"], strict=True):
            second = bool(number % (views or 1))
            what = "the second view, and its mirror image" if second else "the first view, and the image"
            expect_equal(image, before.flip(-1) if second else before, what)
