"""The projection onto the dual cone of the task gradients, by non-negative least squares."""

import numpy as np
import torch
from scipy.optimize import nnls
from torch import Tensor
from torchjd.linalg import DualConeProjector


class NonNegativeLeastSquares(DualConeProjector):
    """Solves min v^T G v subject to v >= u, which UPGrad and DualProj project by (arXiv 2406.16232, Prop. 1).

    With G = A^T A and v = u + z it is min |A z + A u| over z >= 0, which scipy solves exactly for a gramian of
    any rank and scale.
    """

    def __call__(self, U: Tensor, G: Tensor) -> Tensor:  # noqa: N803 (TorchJD's names)
        """Map weights U (..., T) and the gramian G (T, T) to the weights (..., T) of the projections."""
        values, vectors = np.linalg.eigh(G.detach().cpu().double().numpy())
        root = np.sqrt(values.clip(0))[:, None] * vectors.T
        scale = root.max(initial=0, where=root > 0) or 1.0
        root = root / scale
        weights = U.detach().cpu().double().numpy()
        solved = [u + nnls(root, -root @ u)[0] for u in weights.reshape(-1, weights.shape[-1])]
        return torch.as_tensor(np.stack(solved).reshape(weights.shape)).to(G)
