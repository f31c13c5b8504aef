"""Any encoder-decoder of segmentation-models-pytorch as a trunk."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any

from pydantic import Field
from torch import Tensor, nn

from src.foundation.errors import UserError
from src.models.base import MODELS, Features, MultiTaskNetwork, Trunk
from src.models.smp_dropout import DroppingHead, set_dropout, take_last_dropout


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
    weights: Annotated[str | None, Field(description="pretrained encoder weights, such as imagenet")] = None,
    dropout: Annotated[
        float | None, Field(ge=0, lt=1, description="probability of the decoder's dropout; 0 is off, null: smp's own")
    ] = None,
) -> MultiTaskNetwork:
    """Build ``architecture`` (unet, fpn, deeplabv3plus, ...) on ``encoder`` (resnet34, ...) with a head per task.

    ``weights`` names pretrained encoder weights (such as ``imagenet``) and needs the network. Dropout at the end of a
    decoder (FPN, PSPNet) acts behind the level ``decoder``, for each head by itself: what is aligned has no noise.

    Raises:
        UserError: unknown architecture or encoder, unavailable weights, or an architecture
            whose decoder does not take a plain list of feature maps.
    """
    import segmentation_models_pytorch as smp  # takes seconds, and only these networks need it

    try:
        model = smp.create_model(architecture, encoder_name=encoder, encoder_weights=weights, in_channels=3, classes=1)
    except (KeyError, ValueError, NotImplementedError) as error:
        raise UserError(
            f"segmentation-models-pytorch cannot build '{architecture}' on '{encoder}' with weights '{weights}'",
            str(error).strip("'\""),
            "choose model.architecture, model.encoder and model.weights that it lists",
        ) from error
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"no pretrained weights '{weights}' for '{encoder}'",
            f"they are downloaded, and that failed ({type(error).__name__})",
            "train from scratch with model.weights=null, or try again with a network",
        ) from error
    if architecture.lower() == "dpt":
        raise UserError(
            "'dpt' is not supported as a trunk", "its decoder takes prefix tokens beside feature maps", "model=vit_dpt"
        )
    set_dropout(model.decoder, dropout)
    return MultiTaskNetwork(
        SmpTrunk(model), outputs, partial(DroppingHead, probability=take_last_dropout(model.decoder))
    )
