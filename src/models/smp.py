"""Any encoder-decoder of segmentation-models-pytorch as a trunk."""

from collections.abc import Mapping
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from src.foundation.errors import UserError
from src.models.base import MODELS, Features, MultiTaskNetwork, Trunk
from src.models.input_statistics import IMAGENET
from src.models.smp_dropout import DroppingHead, set_dropout, take_last_dropout
from src.models.weights.hub import from_hub
from src.models.weights.loading import Matching, load_weights
from src.models.weights.of_timm import conversion_for, names_of, remarks_on, statistics_of
from src.models.weights.reading import names_a_file


class SmpTrunk(Trunk):
    """Encoder and decoder of a segmentation-models-pytorch network, without its segmentation head.

    Levels: ``encoder1``, ... and ``bottleneck`` (the encoder's stages that have channels), ``decoder``.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.encoder: Any = model.encoder
        self.decoder: Any = model.decoder
        channels = list(self.encoder.out_channels)
        self.stages = [i for i, width in enumerate(channels) if i > 0 and width > 0]
        names = [f"encoder{i}" for i in self.stages[:-1]] + ["bottleneck"]
        decoder_channels = next(m for m in model.segmentation_head.modules() if isinstance(m, nn.Conv2d)).in_channels
        self.channels = dict(zip(names, [channels[i] for i in self.stages], strict=True))
        self.channels["decoder"] = decoder_channels
        self.divisor = int(self.encoder.output_stride)

    def backbone(self) -> nn.Module:
        """Return the encoder."""
        encoder: nn.Module = self.encoder
        return encoder

    def forward(self, image: Tensor, until: str | None = None) -> Features:
        """Map images (N, 3, H, W) to features by level name; the decoder runs only when ``until`` needs it."""
        stages = self.encoder(image)
        names = [level for level in self.channels if level != "decoder"]
        features = dict(zip(names, (stages[i] for i in self.stages), strict=True))
        if until in names:
            return {level: features[level] for level in names[: names.index(until) + 1]}
        if until is None or until == "decoder":
            features["decoder"] = self.decoder(stages)
        return features


@MODELS.register("smp")
def smp_network(
    outputs: Mapping[str, int],
    architecture: Annotated[str, Field(description="decoder: unet, fpn, deeplabv3plus, ...")],
    encoder: Annotated[str, Field(description="encoder: resnet34, ...; tu-NAME for one of timm")],
    weights: Annotated[
        str | None, Field(description="of the encoder: a file, or a name of the hub's: imagenet")
    ] = None,
    match: Matching = "name",
    dropout: Annotated[
        float | None, Field(ge=0, lt=1, description="probability of the decoder's dropout; 0 is off, null: smp's own")
    ] = None,
) -> MultiTaskNetwork:
    """Build ``architecture`` (unet, fpn, deeplabv3plus, ...) on ``encoder`` (resnet34, ...) with a head per task.

    ``weights`` is a file of the encoder's weights, or the name of pretrained ones (such as ``imagenet``), which need a
    connection. With either, pictures are normalised as its library says of the encoder. Dropout at the end of a decoder
    (FPN, PSPNet) acts behind the level ``decoder``, for each head by itself: what is aligned has no noise.

    Raises:
        UserError: unknown architecture or encoder, weights that are unavailable or do not fit, or an architecture
            whose decoder does not take a plain list of feature maps.
    """
    file = Path(weights) if weights and names_a_file(weights) else None
    model = _create(architecture, encoder, None if file else weights)
    if architecture.lower() == "dpt":
        raise UserError(
            "'dpt' is not supported as a trunk", "its decoder takes prefix tokens beside feature maps", "model=vit_dpt"
        )
    set_dropout(model.decoder, dropout)
    head = partial(DroppingHead, probability=take_last_dropout(model.decoder))
    name = encoder.removeprefix("tu-").removeprefix("timm-")
    statistics = statistics_of(name) if weights else IMAGENET
    network = MultiTaskNetwork(SmpTrunk(model), outputs, head, statistics)
    if file:
        unused = names_of(name) if encoder.startswith("tu-") else ()
        target, convert = model.encoder.state_dict(), conversion_for(model.encoder)
        read = load_weights([target], file, f"the encoder '{encoder}'", match, unused, convert)
        network.weights_read = read + remarks_on(file, name, statistics)
    return network


def _create(architecture: str, encoder: str, weights: str | None) -> Any:
    """Build a network of segmentation-models-pytorch; raises UserError where it cannot."""
    import segmentation_models_pytorch as smp  # takes seconds, and only these networks need it

    try:
        with from_hub(f"'{encoder}'") if weights else nullcontext():
            return smp.create_model(
                architecture, encoder_name=encoder, encoder_weights=weights, in_channels=3, classes=1
            )
    except (KeyError, ValueError, NotImplementedError, RuntimeError) as error:
        raise UserError(
            f"segmentation-models-pytorch cannot build '{architecture}' on '{encoder}' with weights '{weights}'",
            str(error).strip("'\""),
            "choose model.architecture, model.encoder and model.weights that it lists, or model.weights=FILE",
        ) from error
