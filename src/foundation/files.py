"""Files that are either whole or absent."""

import json
import math
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any


def replace_atomically(path: Path, write: Callable[[IO[bytes]], None]) -> None:
    """Let ``write`` fill a temporary file beside ``path`` and rename it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write text or bytes to ``path`` in one step."""
    data = content.encode() if isinstance(content, str) else content
    replace_atomically(path, lambda stream: (stream.write(data), None)[1])


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON in one step; a number that is not finite, which JSON lacks, becomes null."""
    write_atomically(path, json.dumps(_finite_or_none(value), indent=2, allow_nan=False) + "\n")


def _finite_or_none(value: Any) -> Any:
    """Replace every float in mappings and lists that is NaN or infinite by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite_or_none(inner) for key, inner in value.items()}
    return [_finite_or_none(inner) for inner in value] if isinstance(value, list | tuple) else value
