"""Random crops of any size, enlarged to the full size."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from src.data.transforms.base import TRANSFORMS, Batch, Transform
from src.data.transforms.crops import enlarge_random_crops
from src.data.transforms.ranges import draw, read_range
from src.tasks.base import Task

Area = Annotated[float, Field(gt=0, le=1)]
Areas = Annotated[tuple[Area, Area], Field(description="least and largest share of an image's area that is cropped")]


@TRANSFORMS.register()
class ResizedCrop(Transform):
    """Random crops whose share of the image's area is drawn uniformly, image by image, enlarged to the full size.

    This is torchvision's RandomResizedCrop with the image's own aspect ratio: an image that is stretched along one
    axis is what no camera sees, and no task could correct its depth and normals for it.

    Args:
        scale: bounds of the share of the area, above 0 and at most 1.

    Raises:
        UserError: bounds in the wrong order.
    """

    def __init__(self, scale: Areas = (0.25, 1.0)) -> None:
        self.scale = read_range("scale", scale)

    def __call__(self, batch: Batch, tasks: Mapping[str, Task]) -> Batch:
        """Transform image (N, 3, H, W) and the targets of ``tasks``."""
        image = batch["image"]
        area = draw(self.scale, len(image), image.device)
        return enlarge_random_crops(batch, tasks, area.rsqrt())
