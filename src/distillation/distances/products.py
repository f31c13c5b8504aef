"""Products over channels that keep nothing but the features themselves for the backward pass."""

from typing import Any

import torch
from torch import Tensor


class ChannelProducts(torch.autograd.Function):
    """The products a.a, b.b and a.b over the channels of features (N, C, H, W): (N, H, W) each, at least float32.

    Features come in any precision and are kept as they came: neither float32 copies nor squares of a feature of full
    resolution live until the backward pass.
    """

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Sum products over channels in float32, or in float64 where features are."""
        ctx.save_for_backward(a, b)
        exact = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
        aa, bb = (torch.linalg.vector_norm(side, dim=1, dtype=exact).square() for side in (a, b))
        return aa, bb, (a.to(exact) * b).sum(1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        """Combine the two features pixel by pixel."""
        a, b = ctx.saved_tensors
        by_aa, by_bb, by_ab = (gradient[:, None] for gradient in gradients)
        to_a = (a * (2 * by_aa)).addcmul_(b, by_ab).to(a.dtype) if ctx.needs_input_grad[0] else None
        to_b = (b * (2 * by_bb)).addcmul_(a, by_ab).to(b.dtype) if ctx.needs_input_grad[1] else None
        return to_a, to_b


def channel_products(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return a.a, b.b and a.b over the channels of features (N, C, H, W): (N, H, W) each, at least float32."""
    products: tuple[Tensor, Tensor, Tensor] = ChannelProducts.apply(a, b)
    return products
