"""Export a trained network, without adaptors and teachers, as a torch.export program: python -m src.export run=RUN."""

from pathlib import Path

import torch
from omegaconf import DictConfig

from src import cli
from src.files import replace_atomically
from src.runs.open import open_network


def export(config: DictConfig) -> None:
    """Write a .pt2 program of any batch size and check that it gives what the network gives."""
    network, _, about = open_network(config.run)
    where = Path(config.run)
    out = Path(config.out) if config.out else (where if where.is_dir() else where.parent) / "model.pt2"
    height, width = about["dataset"]["size"]
    image = torch.randn(2, 3, height, width)
    program = torch.export.export(network, (image,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    other = torch.randn(3, 3, height, width)
    with torch.inference_mode():
        for task, value in program.module()(other).items():
            torch.testing.assert_close(value, network(other)[task], rtol=1e-3, atol=1e-4)
    replace_atomically(out, lambda stream: torch.export.save(program, stream))
    print(
        f"{out}: input (N, 3, {height}, {width}) float32, ImageNet-normalised; raw outputs {', '.join(about['tasks'])}"
    )


def main() -> None:
    """Run the command line."""
    cli.run(export, "export")


if __name__ == "__main__":
    main()
