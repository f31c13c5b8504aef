"""Export a trained network, without adaptors and teachers, as a torch.export program: python -m src.export run=RUN."""

from pathlib import Path

import torch

from src.app import command
from src.app.command import Invocation
from src.app.configuration.commands import ExportConfig
from src.exporting.program import check_program, export_program
from src.foundation.files import replace_atomically
from src.runs.network_file import open_network


def export(invocation: Invocation[ExportConfig]) -> None:
    """Write a .pt2 program of any batch size and check its outputs against the network's."""
    config = invocation.config
    network, _, metadata = open_network(config.run)
    where = Path(str(config.run))
    out = Path(config.out) if config.out else (where if where.is_dir() else where.parent) / "model.pt2"
    height, width = metadata["dataset"]["size"]
    program = export_program(network, (height, width))
    check_program(program, network, (height, width))
    replace_atomically(out, lambda stream: torch.export.save(program, stream))
    outputs = ", ".join(metadata["tasks"])
    print(f"{out}: input (N, 3, {height}, {width}) float32, ImageNet-normalised; raw outputs {outputs}")


def main() -> None:
    """Run the command line."""
    command.run(export, "export", ExportConfig)


if __name__ == "__main__":
    main()
