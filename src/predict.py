"""Predict on pictures with a trained network: python -m src.predict run=RUN images=FOLDER."""

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from rich.progress import track

from src.app import command
from src.app.command import Invocation
from src.app.configuration.commands import PredictConfig
from src.data.files.listing import visible
from src.data.files.opening import reachable
from src.data.files.pictures import SUFFIXES, read_rgb
from src.data.loading.pixels import denormalise, normalise
from src.foundation.errors import UserError
from src.foundation.files import write_atomically
from src.foundation.hardware import best_device
from src.runs.network_file import open_network
from src.tasks.panels import draw_panel
from src.visual.panels import save_png


def predict(invocation: Invocation[PredictConfig]) -> None:
    """Write a panel per picture, and arrays where ``arrays`` is set; pictures are resized to the network's size."""
    config = invocation.config
    network, tasks, metadata = open_network(config.run)
    pictures = _pictures(config.images)
    _refuse_overwriting(pictures, Path(config.out))
    device, size, out = best_device(), tuple(metadata["dataset"]["size"]), Path(config.out)
    network.to(device)
    for path in track(pictures, description="predicting"):
        image = normalise(_read(path, size).to(device))
        with torch.inference_mode():
            raw = {name: tasks[name].activate(value.float())[0] for name, value in network(image).items()}
        save_png(out / f"{path.stem}.png", draw_panel(denormalise(image[0]).cpu().numpy(), raw, {}, tasks))
        if config.arrays:
            for name, value in raw.items():
                array = value.argmax(0) if tasks[name].modality.kind == "classes" else value
                stream = io.BytesIO()
                np.save(stream, array.cpu().numpy())
                write_atomically(out / f"{path.stem}.{name}.npy", stream.getvalue())
    print(f"{len(pictures)} pictures -> {out}")


def _pictures(where: str | None) -> list[Path]:
    """List the pictures at ``where``, a file or a folder; raises UserError where there is none."""
    if not where:
        raise UserError("no pictures are named", "a picture or a folder of pictures is needed", "images=FOLDER")
    path = Path(where)
    if not reachable(path):
        raise UserError(f"there is no {path}", "it is neither a picture nor a folder of pictures", "images=FOLDER")
    found = [p for p in visible(path) if p.suffix.lower() in SUFFIXES] if path.is_dir() else [path]
    if not found:
        raise UserError(f"there are no pictures in {path}", f"looked for {', '.join(SUFFIXES)}")
    return found


def _refuse_overwriting(pictures: list[Path], out: Path) -> None:
    """Raise UserError where a panel in ``out`` would overwrite a picture or another panel."""
    targets = [out / f"{path.stem}.png" for path in pictures]
    twice = [str(target) for target in set(targets) if targets.count(target) > 1]
    own = [str(path) for path in pictures if path.resolve() in {target.resolve() for target in targets}]
    if twice or own:
        raise UserError(
            f"panels would overwrite {', '.join((own or twice)[:3])}",
            "out is the pictures' own folder" if own else "pictures differ only in their ending",
            "choose another folder: out=...",
        )


def _read(path: Path, size: tuple[int, ...]) -> torch.Tensor:
    """Read a picture as uint8 (1, H, W, 3)."""
    resized = Image.fromarray(read_rgb(path)).resize((size[1], size[0]), Image.Resampling.BOX)
    return torch.from_numpy(np.array(resized))[None]


def main() -> None:
    """Run the command line."""
    command.run(predict, "predict", PredictConfig)


if __name__ == "__main__":
    main()
