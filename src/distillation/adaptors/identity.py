"""No adaptor: the student's feature must itself be the teacher's."""

from torch import nn

from src.distillation.adaptors.base import ADAPTORS
from src.foundation.errors import UserError


@ADAPTORS.register()
def identity(channels_in: int, channels_out: int) -> nn.Module:
    """Build the identity.

    Raises:
        UserError: the two sides differ in channels.
    """
    if channels_in != channels_out:
        raise UserError(
            f"adaptor=identity cannot map {channels_in} channels onto {channels_out}",
            "it has no weights to change the number of channels",
            "use adaptor=linear, or align levels of equal width",
        )
    return nn.Identity()
