"""Which files a folder holds."""

from collections.abc import Sequence
from pathlib import Path


def files_by_stem(folder: Path, suffixes: Sequence[str]) -> dict[str, Path]:
    """Map names without suffix to the files of a folder that have one of ``suffixes`` (any case), in order."""
    return {path.stem: path for path in sorted(folder.glob("*")) if path.suffix.lower() in suffixes}
