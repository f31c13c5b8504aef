"""What is done to files."""

import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from tests.bad_input.harness import Harm

Change = Callable[[np.ndarray], np.ndarray]


def content(file: str, data: bytes) -> Harm:
    """Replace what a file holds."""
    return lambda root: replaced(root / file).write_bytes(data)


def cut(file: str, share: float) -> Harm:
    """Keep the first part of a file."""

    def harm(root: Path) -> None:
        whole = (root / file).read_bytes()
        (root / file).write_bytes(whole[: int(len(whole) * share)])

    return harm


def flipped(file: str, at: float = 0.5) -> Harm:
    """Change some bytes in the middle of a file."""

    def harm(root: Path) -> None:
        whole = bytearray((root / file).read_bytes())
        middle = int(len(whole) * at)
        whole[middle : middle + 8] = bytes(255 - byte for byte in whole[middle : middle + 8])
        (root / file).write_bytes(bytes(whole))

    return harm


def fifo(file: str) -> Harm:
    """Put a pipe in a file's place."""
    return lambda root: os.mkfifo(replaced(root / file))


def device(file: str) -> Harm:
    """Put a link to an endless device in a file's place."""
    return lambda root: replaced(root / file).symlink_to("/dev/zero")


def folder(file: str) -> Harm:
    """Put a folder in a file's place."""
    return lambda root: replaced(root / file).mkdir()


def link(file: str, to: str) -> Harm:
    """Put a link in a file's place."""
    return lambda root: replaced(root / file).symlink_to(to)


def removed(*files: str) -> Harm:
    """Remove files."""
    return lambda root: [replaced(root / file) for file in files]


def several(*harms: Harm) -> Harm:
    """Do one after another."""
    return lambda root: [harm(root) for harm in harms]


def picture(file: str, image: Image.Image, kind: str = "PNG", **options: object) -> Harm:
    """Write a picture under a name."""

    def harm(root: Path) -> None:
        stream = BytesIO()
        image.save(stream, kind, **options)
        replaced(root / file).write_bytes(stream.getvalue())

    return harm


def pictures(pattern: str, change: Change) -> Harm:
    """Change the array of all pictures that match."""

    def harm(root: Path) -> None:
        for path in sorted(root.glob(pattern)):
            with Image.open(path) as opened:
                value = np.array(opened)
            Image.fromarray(np.ascontiguousarray(change(value))).save(path)

    return harm


def arrays(pattern: str, change: Change) -> Harm:
    """Change all .npy files that match."""

    def harm(root: Path) -> None:
        for path in sorted(root.glob(pattern)):
            np.save(path, change(np.load(path)), allow_pickle=True)

    return harm


def png(width: int, height: int, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of that header and of those chunks behind it."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in parts
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def replaced(path: Path) -> Path:
    """Remove a file, and return its path."""
    if path.is_symlink() or path.exists():
        path.unlink()
    return path
