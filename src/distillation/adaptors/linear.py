"""The papers' adaptor: a 1x1 convolution without bias."""

from typing import Annotated, Literal

from pydantic import Field
from torch import nn

from src.distillation.adaptors.base import ADAPTORS

Init = Annotated[
    Literal["xavier", "identity"],
    Field(description="initial weights: Xavier normal, or the identity (orthogonal where channels differ)"),
]


@ADAPTORS.register()
def linear(channels_in: int, channels_out: int, init: Init = "xavier") -> nn.Conv2d:
    """Build a 1x1 convolution without bias, Xavier normal (Li and Bilen 2020), or one that starts as the identity.

    With ``init=identity`` the first pull on a student that was trained before is not that of a random projection; where
    channels differ it starts as a random orthogonal matrix (Saxe et al. 2014), which keeps lengths and angles of what
    it does not drop.
    """
    layer = nn.Conv2d(channels_in, channels_out, 1, bias=False)
    if init == "xavier":
        nn.init.xavier_normal_(layer.weight)
    elif channels_in == channels_out:
        nn.init.dirac_(layer.weight)
    else:
        nn.init.orthogonal_(layer.weight)
    return layer
