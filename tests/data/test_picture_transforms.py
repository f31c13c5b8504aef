"""Transforms of pictures alone, and chains."""

from collections.abc import Mapping

import pytest
import torch
from src.tasks.depth import Depth
from torch import Tensor
from torchvision.transforms.v2 import functional

from src.data.transforms.base import TRANSFORMS, Batch, Transform
from src.data.transforms.blur import Blur
from src.data.transforms.chain import Chain
from src.data.transforms.colour import Colour
from src.data.transforms.noise import Noise
from src.data.transforms.resized_crop import ResizedCrop
from src.data.transforms.scale_flip import ScaleFlip
from src.foundation.errors import UserError
from src.tasks.base import Task

COUNT = 64


def pictures(count: int = COUNT) -> Tensor:
    """Colours away from 0 and 1, so that nothing is clipped."""
    return 0.3 + 0.2 * torch.rand(count, 3, 16, 24, generator=torch.Generator().manual_seed(0))


def changed(transform: Transform, image: Tensor) -> Tensor:
    torch.manual_seed(0)
    return transform({"image": image.clone()}, {})["image"]


def test_brightness_scales_each_picture_by_a_factor_of_its_own() -> None:
    image = pictures()
    factor = (changed(Colour(brightness=0.4), image) / image).flatten(1)
    torch.testing.assert_close(factor.amin(1), factor.amax(1), rtol=1e-4, atol=0)
    assert 0.6 <= factor.min() < 0.65
    assert 1.35 < factor.max() <= 1.4


@pytest.mark.parametrize(("option", "kernel"), [("contrast", "adjust_contrast"), ("saturation", "adjust_saturation")])
def test_contrast_and_saturation_are_torchvisions(option: str, kernel: str) -> None:
    image = pictures(1)
    out = changed(Colour(**{option: 1.0}), image)
    grey = functional.rgb_to_grayscale(image)
    middle = grey.mean() if option == "contrast" else grey
    factor = float(((out - middle) / (image - middle)).median())
    torch.testing.assert_close(out, getattr(functional, kernel)(image, factor), rtol=0, atol=2e-4)


def test_hue_turns_colours_and_keeps_their_luma() -> None:
    image = pictures()
    out = changed(Colour(hue=0.5), image)
    luma = torch.tensor([0.299, 0.587, 0.114])
    torch.testing.assert_close(*(torch.einsum("nchw,c->nhw", x, luma) for x in (out, image)), rtol=0, atol=1e-5)
    assert (out - image).abs().amax((1, 2, 3)).median() > 0.1


def test_a_share_of_pictures_becomes_grey() -> None:
    out = changed(Colour(grey=0.5), pictures())
    grey = (out - out[:, :1]).abs().amax((1, 2, 3)) < 1e-6
    assert COUNT / 4 < grey.sum() < COUNT * 3 / 4


def test_blur_is_torchvisions_with_a_width_for_each_picture() -> None:
    image = pictures(4)
    same = changed(Blur(sigma=(1.5, 1.5), share=1.0), image)
    inside = (..., slice(5, -5), slice(5, -5))  # the border is repeated, not reflected
    torch.testing.assert_close(same[inside], functional.gaussian_blur(image, [11, 11], [1.5, 1.5])[inside])
    roughness = changed(Blur(sigma=(0.1, 2.0), share=1.0), pictures()).diff(dim=-1).abs().mean((1, 2, 3))
    assert roughness.max() > 4 * roughness.min()


def test_a_share_of_pictures_is_blurred_and_the_others_are_as_they_were() -> None:
    image = pictures()
    same = [torch.equal(a, b) for a, b in zip(changed(Blur((1.0, 2.0), share=0.5), image), image, strict=True)]
    assert COUNT / 4 < sum(same) < COUNT * 3 / 4
    assert torch.equal(changed(Blur(share=0.0), image), image)


def test_noise_has_a_deviation_for_each_picture_and_no_bias() -> None:
    image = pictures()
    noise = (changed(Noise((0.0, 0.08)), image) - image).flatten(1)
    assert 0 < noise.std(1).min() < 0.02
    assert 0.07 < noise.std(1).max() < 0.09
    assert noise.mean().abs() < 1e-3


def test_crops_of_a_quarter_of_the_area_bring_everything_to_half_its_distance() -> None:
    batch = {"image": pictures(4), "depth": torch.full((4, 1, 16, 24), 3.0)}
    out = ResizedCrop((0.25, 0.25))(batch, {"depth": Depth()})
    torch.testing.assert_close(out["depth"], torch.full_like(batch["depth"], 1.5))
    depths = ResizedCrop((0.25, 1.0))({"image": pictures(), "depth": torch.ones(COUNT, 1, 16, 24)}, {"depth": Depth()})
    share = depths["depth"][:, 0, 0, 0].square()  # 1 / s, of which the square is the share of the area
    assert 0.25 <= share.min() < 0.35
    assert 0.9 < share.max() <= 1


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"_target_": "blur", "sigma": [2, 1]}, r"sigma=\[2.0,1.0\] is no range"),
        ({"_target_": "noise", "std": [0.2, 0.1]}, r"std=\[0.2,0.1\] is no range"),
        ({"_target_": "resized_crop", "scale": [1, 0.5]}, r"scale=\[1.0,0.5\] is no range"),
        ({"_target_": "resized_crop", "scale": [0, 0.5]}, "scale.* is not above 0"),
        ({"_target_": "colour", "hue": 0.6}, "hue=0.6 is not at most 0.5"),
    ],
    ids=str,
)
def test_bounds_that_cannot_be_drawn_from_are_refused(config: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        TRANSFORMS.build(config)


class Knows(Transform):
    """Notes the keys of its batches, and knows nothing of views."""

    def __init__(self) -> None:
        self.seen: set[str] = set()

    def __call__(self, batch: Batch, tasks: Mapping[str, Task]) -> Batch:
        self.seen |= set(batch)
        return {name: batch[name] for name in ("image", *tasks)}


class Still(Knows):
    def __call__(self, batch: Batch, tasks: Mapping[str, Task]) -> Batch:
        return super().__call__(batch, tasks)

    def count_views(self) -> int | None:
        return 1


def test_a_chain_applies_its_transforms_in_order() -> None:
    """Noise that is blurred is weaker than blurred pictures with noise."""
    flat = torch.full((8, 3, 16, 24), 0.5)
    blur, noise = Blur((2.0, 2.0), share=1.0), Noise((0.05, 0.05))
    before, after = changed(Chain([noise, blur]), flat).std(), changed(Chain([blur, noise]), flat).std()
    assert 3 * before < after


def test_a_chain_multiplies_views_and_leaves_them_out_where_they_are_unlimited() -> None:
    flip, unlimited = ScaleFlip(flip=0.5), Knows()
    batch = {"image": pictures(), "view": torch.arange(COUNT)}
    assert Chain([]).views == 1
    assert Chain([flip, Still()]).views == 2
    assert Chain([flip, flip]).views == 4
    assert Chain([flip, unlimited]).views is None
    assert set(Chain([flip, unlimited, flip])(batch, {})) == {"image"}
    assert unlimited.seen == {"image"}
    torch.manual_seed(0)
    out = Chain([Still(), flip, flip])(batch, {})
    assert torch.equal(out["view"] // 4, batch["view"])
    for view, image, before in zip(out["view"] % 4, out["image"], batch["image"], strict=True):
        assert torch.equal(image, before.flip(-1) if view in (1, 2) else before)
    assert set((out["view"] % 4).tolist()) == {0, 1, 2, 3}
