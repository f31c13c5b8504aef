"""The last panels of each method, small enough for a page."""

import base64
import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from src.reporting.rows import Row
from src.runs.record import Run

WIDTH, QUALITY = 640, 80


def side_by_side(rows: Sequence[Row], count: int) -> dict[str, list[tuple[str, str]]]:
    """Return for up to ``count`` images, by name, each method's panel as (method, data URI).

    A method shows its first seed that has pictures; images that more methods have come first.
    """
    found = {row.method: panels for row in rows if (panels := _panels(row))}
    names = {name: [m for m, panels in found.items() if name in panels] for panels in found.values() for name in panels}
    chosen = sorted(names, key=lambda name: (-len(names[name]), len(name), name))[:count]
    shown = {name: [(method, _data_uri(found[method][name])) for method in names[name]] for name in chosen}
    return {name: [(method, uri) for method, uri in panels if uri] for name, panels in shown.items()}


def _panels(row: Row) -> dict[str, list[Path]]:
    """List the pictures by image name; single-task runs give one per task."""
    by_seed: dict[int, list[Run]] = {}
    for run in row.runs:
        by_seed.setdefault(run.record["seed"], []).append(run)
    for seed in sorted(by_seed):
        panels: dict[str, list[Path]] = {}
        for run in by_seed[seed]:
            for path in _last(run.path / "pictures"):
                panels.setdefault(path.stem, []).append(path)
        if panels:
            return panels
    return {}


def _last(folder: Path) -> list[Path]:
    epochs = [path for path in folder.glob("epoch_*") if path.name.removeprefix("epoch_").isdigit()]
    if not epochs:
        return []
    return sorted(max(epochs, key=lambda path: int(path.name.removeprefix("epoch_"))).glob("*.png"))


def _data_uri(paths: Sequence[Path]) -> str | None:
    """Stack pictures, shrink them and write them as a JPEG; None where none can be read."""
    pictures = [picture for path in paths if (picture := _open(path))]
    if not pictures:
        return None
    width = max(picture.width for picture in pictures)
    canvas = Image.new("RGB", (width, sum(picture.height for picture in pictures)), "white")
    top = 0
    for picture in pictures:
        canvas.paste(picture, (0, top))
        top += picture.height
    canvas.thumbnail((WIDTH, 4 * WIDTH), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    canvas.save(stream, "JPEG", quality=QUALITY, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"


def _open(path: Path) -> Image.Image | None:
    """Read a picture as RGB; None where that fails."""
    try:
        with Image.open(path) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError):
        return None
