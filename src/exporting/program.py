"""torch.export programs."""

import torch
from torch.export import ExportedProgram

from src.models.base import MultiTaskNetwork

Size = tuple[int, int]


def export_program(network: MultiTaskNetwork, size: Size) -> ExportedProgram:
    """Export a network in eval mode for batches of any number of images of ``size`` (H, W)."""
    image = torch.randn(2, 3, *size)
    return torch.export.export(network, (image,), dynamic_shapes=({0: torch.export.Dim("batch")},))


def check_program(program: ExportedProgram, network: MultiTaskNetwork, size: Size) -> None:
    """Raise AssertionError unless a program's outputs are close to its network's, for another number of images."""
    image = torch.randn(3, 3, *size)
    with torch.inference_mode():
        expected = network(image)
        for task, value in program.module()(image).items():
            torch.testing.assert_close(value, expected[task], rtol=1e-3, atol=1e-4)
