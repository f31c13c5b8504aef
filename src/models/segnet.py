"""SegNet as in MTAN and KD4MTL: VGG16-like encoder, unpooling decoder, a light head per task."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from src.models.base import MODELS, Features, MultiTaskNetwork, Trunk
from src.models.weights.loading import Matching, load_weights

DEPTHS = (2, 2, 3, 3, 3)
Width = Annotated[int, Field(ge=1)]
Filters = Annotated[Sequence[Width], Field(min_length=5, max_length=5, description="channels of the five stages")]
Weights = Annotated[str | None, Field(description="a file of a VGG's weights, such as torchvision's vgg16_bn, or none")]
Depths = Annotated[Sequence[Width], Field(min_length=5, max_length=5, description="convolutions of the five stages")]


def convolutions(channels_in: int, channels_out: int, depth: int = 1) -> nn.Sequential:
    """Build ``depth`` 3x3 convolutions, each with BatchNorm and ReLU."""
    layers: list[nn.Module] = []
    for width_in, width_out in itertools.pairwise([channels_in, *[channels_out] * depth]):
        layers += [
            nn.Conv2d(width_in, width_out, 3, padding=1),
            nn.BatchNorm2d(width_out),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)


class SegNetTrunk(Trunk):
    """Five pooling stages down and five unpooling stages up, at full resolution in the end.

    Levels: ``encoder1`` to ``encoder4`` (after each max-pool), ``bottleneck`` (after the fifth),
    ``decoder5`` to ``decoder2`` and ``decoder``.
    """

    divisor = 32

    def __init__(self, filters: Sequence[int], depths: Sequence[int] = DEPTHS) -> None:
        super().__init__()
        inputs = [3, *filters[:-1]]
        outputs = [filters[0], *filters[:-1]]
        self.encoder = nn.ModuleList(itertools.starmap(convolutions, zip(inputs, filters, depths, strict=True)))
        self.decoder = nn.ModuleList(itertools.starmap(convolutions, zip(filters, outputs, depths, strict=True)))
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)
        down = ["encoder1", "encoder2", "encoder3", "encoder4", "bottleneck"]
        up = ["decoder5", "decoder4", "decoder3", "decoder2", "decoder"]
        self.channels = dict(zip([*down, *up], [*filters, *reversed(outputs)], strict=True))

    def read_vgg(self, path: Path, match: Matching = "name") -> str:
        """Copy the convolutions of a VGG, or of a SegNet, from a file to the encoder; returns what was read.

        Raises:
            UserError: an unreadable file, or one of other widths or depths.
        """
        own = self.encoder.state_dict()
        targets = [own, _named_like_vgg(self.encoder, own, norms=True), _named_like_vgg(self.encoder, own, norms=False)]
        return load_weights(targets, path, "the encoder, a VGG of its widths and depths", match)

    def last_stage(self) -> nn.Module:
        """Return the decoder's stage at full resolution."""
        return self.decoder[0]

    def backbone(self) -> nn.Module:
        """Return the encoder."""
        return self.encoder

    def forward(self, image: Tensor, until: str | None = None) -> Features:
        """Map images (N, 3, H, W) to features by level name, computing nothing beyond ``until``."""
        features: Features = {}
        names = iter(self.channels)
        indices: list[Tensor] = []
        x = image
        for stage in self.encoder:
            x, index = self.pool(stage(x))
            indices.append(index)
            level = next(names)
            features[level] = x
            if level == until:
                return features
        for number in reversed(range(len(self.decoder))):
            x = self.decoder[number](self.unpool(x, indices[number]))
            level = next(names)
            features[level] = x
            if level == until:
                return features
        return features


def _named_like_vgg(encoder: nn.ModuleList, own: Mapping[str, Tensor], norms: bool) -> dict[str, Tensor]:
    """Name the encoder's tensors as VGG networks do, by position in one sequence: ``features.0.weight``.

    Each stage ends there with a max-pool, and without ``norms`` no BatchNorm stands behind a convolution.
    """
    named: dict[str, Tensor] = {}
    position = 0
    for stage, layers in enumerate(encoder):
        assert isinstance(layers, nn.Sequential)
        for number, layer in enumerate(layers):
            if isinstance(layer, nn.BatchNorm2d) and not norms:
                continue
            named |= {f"features.{position}.{key}": own[f"{stage}.{number}.{key}"] for key in layer.state_dict()}
            position += 1
        position += 1
    return named


def head(width: int, channels: int) -> nn.Module:
    """Build a task's head: a 3x3 and a 1x1 convolution."""
    return nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.Conv2d(width, channels, 1))


def initialise(network: MultiTaskNetwork) -> MultiTaskNetwork:
    """Draw all kernels from Xavier's normal distribution and set biases to 0, as the released codes do."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.xavier_normal_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return network


@MODELS.register()
def segnet(
    outputs: Mapping[str, int],
    filters: Filters,
    depths: Depths = DEPTHS,
    weights: Weights = None,
    match: Matching = "name",
) -> MultiTaskNetwork:
    """Build the SegNet of Liu et al. (CVPR 2019) and Li and Bilen (2020), "split" in their tables.

    ``filters`` are the widths of the five stages and ``depths`` their numbers of convolutions. With filters
    64-128-256-512-512 and outputs of 13, 1 and 3 channels it has 25.06 M parameters. Their wide variant has
    1024 filters in the last stage, their deep one twice the convolutions of each stage. ``weights`` are of a VGG of
    the encoder's widths and depths; without BatchNorm in it, that of the encoder stays as it begins.
    """
    trunk = SegNetTrunk(filters, depths)
    network = initialise(MultiTaskNetwork(trunk, outputs, head))
    if weights:
        network.weights_read = trunk.read_vgg(Path(weights), match)
    return network
